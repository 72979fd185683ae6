/// How much a store takes on of searches, each of which may read every chat.
package struct SearchLimits: Sendable {
    /// How long a search may wait for its turn, and how long it may take.
    package var timeout: Duration
    /// How many searches may wait for their turn; a further one is refused at once.
    package var maximumWaiting: Int

    package init(timeout: Duration = .seconds(5), maximumWaiting: Int = 32) {
        self.timeout = timeout
        self.maximumWaiting = maximumWaiting
    }
}
