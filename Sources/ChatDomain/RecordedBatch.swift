/// What has become of a batch of changes.
package struct RecordedBatch: Sendable {
    /// What each requester is told, in the order of the requests.
    package var results: [Result<Accepted<LogSubject>, StoreError>]
    /// What the batch has appended; of each chat in the order of the positions, without a hole.
    package var entries: [LogEntry]

    package init(results: [Result<Accepted<LogSubject>, StoreError>], entries: [LogEntry]) {
        self.results = results
        self.entries = entries
    }
}
