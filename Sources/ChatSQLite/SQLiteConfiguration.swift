package import ChatDomain

/// How to open a SQLite database.
package struct SQLiteConfiguration: Sendable {
    /// Where the data is kept.
    package enum Location: Equatable, Sendable {
        /// A database file; relative paths start at the working directory.
        case file(String)
        /// A database private to this process, which is lost when it is closed.
        case memory
    }

    /// The file's `-wal` and `-shm` companions are kept in the same folder.
    package var location: Location
    /// Whether to create a missing file; otherwise opening it throws `StoreError.unavailable`.
    package var createsFile: Bool
    /// Whether the database will only be read, so that opening and closing leave the file and its log as they are.
    ///
    /// One connection then serves all reads.
    package var isReadOnly: Bool
    /// The number of reading connections in addition to the writing one, at least 1.
    ///
    /// An in-memory database uses one connection for everything.
    package var readers: Int
    /// How long a statement waits for a lock held by another process.
    package var busyTimeout: Duration
    /// How many pages of 4 KiB are written to the write-ahead log before it is copied into the database.
    ///
    /// Under load, the log's file grows slightly beyond that and stays that large. A page that is written repeatedly is
    /// copied once, so a longer log saves time when posts spread over many chats.
    package var logPages: Int
    /// How long deleted or replaced text may stay in the write-ahead log's file, unless a reader blocks its removal.
    package var erasureDelay: Duration
    /// Limits on title searches, which run on a connection of their own.
    package var searchLimits: SearchLimits

    package init(
        location: Location,
        createsFile: Bool = true,
        isReadOnly: Bool = false,
        readers: Int = 2,
        busyTimeout: Duration = .seconds(5),
        logPages: Int = 16_384,
        erasureDelay: Duration = .seconds(30),
        searchLimits: SearchLimits = SearchLimits()
    ) {
        self.location = location
        self.createsFile = createsFile
        self.isReadOnly = isReadOnly
        self.readers = readers
        self.busyTimeout = busyTimeout
        self.logPages = logPages
        self.erasureDelay = erasureDelay
        self.searchLimits = searchLimits
    }
}
