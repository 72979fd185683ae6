/// A wait, which ends early when the network is restored, but not before the time that the server asked for.
struct Delay: Sendable, Hashable {
    let total: Duration
    let least: Duration
}
