/// What a process does with its database at the moment, besides writing.
package struct DatabaseLoad: Sendable {
    /// Reads of latest messages that no batch has picked up yet.
    package var waitingReads = 0
    /// Searches that wait for their turn.
    package var waitingSearches = 0
    /// None if connections are not pooled.
    package var pools: [PoolLoad] = []
    /// Nil if there is no write-ahead log that this process takes care of.
    package var writeAheadLog: WriteAheadLogLoad?

    package init() {}

    /// The connections of one pool.
    package struct PoolLoad: Sendable {
        /// What the pool is for, in one word.
        package let name: String
        /// Connections in use.
        package let inUse: Int
        /// Requests that wait for a connection.
        package let waiting: Int
        /// All connections, including those that are not open yet.
        package let size: Int

        package init(name: String, inUse: Int, waiting: Int, size: Int) {
            self.name = name
            self.inUse = inUse
            self.waiting = waiting
            self.size = size
        }
    }

    /// SQLite's write-ahead log.
    package struct WriteAheadLogLoad: Sendable {
        /// The size of the file.
        package let bytes: Int
        /// Checkpoints since the process started.
        package let checkpoints: Int
        /// Those that failed; the next one makes up for them.
        package let failedCheckpoints: Int

        package init(bytes: Int, checkpoints: Int, failedCheckpoints: Int) {
            self.bytes = bytes
            self.checkpoints = checkpoints
            self.failedCheckpoints = failedCheckpoints
        }
    }
}
