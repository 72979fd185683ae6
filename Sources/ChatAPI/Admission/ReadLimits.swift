/// How much memory reads of messages can take.
package struct ReadLimits: Sendable {
    /// For all messages that are being read at once, each counted at its largest size.
    package var maximumBytes = 32 << 20
    /// Reads that wait for some of it; a further one is answered with 503.
    package var maximumWaiting = 4_096
    /// A read that has waited longer is answered with 503.
    package var patience = Duration.seconds(5)

    package init() {}
}
