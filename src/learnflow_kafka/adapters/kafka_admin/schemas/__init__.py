"""
Requests of Kafka's protocol that kafka-python does not have yet, as Kafka defines them.

They describe groups of the consumer (KIP-848) and share (KIP-932) protocols, which the
classic DescribeGroups calls dead.
"""
