"""What ``bin/flink run`` executes: ``launch.py [STATE]`` plans the job and hands it to the cluster.

``STATE`` is the address of a savepoint or checkpoint to begin with.
"""

import sys

from contracts.settings import settings
from flink_jobs import JOB
from flink_jobs.environment import environment
from flink_jobs.job import assemble

if __name__ == "__main__":
    assemble(settings(), environment(settings(), *sys.argv[1:])).execute(JOB)
