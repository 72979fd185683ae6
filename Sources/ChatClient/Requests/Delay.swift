/// A wait, which ends early when the network is restored, but not before the time that the server asked for.
package struct Delay: Sendable, Hashable {
    package let total: Duration
    package let least: Duration

    package init(total: Duration, least: Duration) {
        self.total = total
        self.least = least
    }
}
