//! The Apache Kafka producer that runs where Kafka clients can't: the façade for native users.
