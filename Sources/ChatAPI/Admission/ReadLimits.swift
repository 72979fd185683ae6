/// The memory that reads of messages may use.
package struct ReadLimits: Sendable {
    /// Bytes for all messages being read at the same time, each counted at its maximum size.
    package var maximumBytes = 32 << 20
    /// Reads that may wait for memory; one more gets 503.
    package var maximumWaiting = 4_096
    /// How long a read may wait before it gets 503; checked when another read ends.
    package var queueTimeout = Duration.seconds(5)

    /// Starts with the defaults.
    package init() {}
}
