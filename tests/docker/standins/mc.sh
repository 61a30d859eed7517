#!/bin/sh
# Stand-in for `mc ready local`.
exec wget --quiet --output-document=/dev/null http://127.0.0.1:9000/minio/health/ready
