#!/bin/sh
# Stand-in for the tool of this name in apache/kafka.
exec java $KAFKA_HEAP_OPTS -cp '/opt/tools/jars/kafka/*' org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
