"""
Kafka on this machine: real brokers from locked jars, with nothing installed but Python.

    locks/        the jars of each Kafka line: coordinates, SHA-256, size
    lock          reads them                       download     fetches them
    distribution  a complete, verified set on disk; or KAFKA_HOME
    java          the Java that runs it            aot          the start-up cache
    config        the files that Kafka reads       storage      formatted data folders
    ports         free and taken ports             probe        does it really serve
    records       what stands on disk              processes    start, recognise, stop
    locking       one `learnflow` at a time
    read, write   status and logs; start and stop  client       the runtime port

Only `wiring` imports this package. Linux is what it was run on; what macOS needs is written
(file locks, process groups, limits) and was not run.
"""
