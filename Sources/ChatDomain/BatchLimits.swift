/// How much a batcher takes on.
package struct BatchLimits: Sendable {
    /// What the requests that run together may weigh, at least 1; nearly all requests weigh 1.
    package var maximumBatch: Int
    /// How many requests of a kind may wait for their turn; a further one is refused at once.
    package var maximumWaiting: Int
    /// How long a request may wait for its turn.
    package var patience: Duration

    package init(maximumBatch: Int = 256, maximumWaiting: Int = 4_096, patience: Duration = .seconds(5)) {
        self.maximumBatch = maximumBatch
        self.maximumWaiting = maximumWaiting
        self.patience = patience
    }
}
