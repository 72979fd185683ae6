package import ChatDomain

/// How to open a SQLite database.
package struct SQLiteConfiguration: Sendable {
    package enum Location: Equatable, Sendable {
        /// A database file; relative paths begin at the working directory.
        case file(String)
        /// A database of this process alone, gone when it is closed.
        case memory
    }

    package var location: Location
    /// Whether the file is made if it is missing.
    package var createsFile: Bool
    /// Connections that read beside the one that writes, at least 1.
    ///
    /// A database in memory has one connection for all.
    package var readers: Int
    /// How long a statement waits for a lock that another process holds.
    package var busyTimeout: Duration
    /// How many pages of 4 KiB are written into the write-ahead log before they are copied into the database.
    ///
    /// Under load the log's file is a little larger, and stays so. A page that is written again and again is copied once,
    /// so a longer log saves time where posts spread over many chats.
    package var logPages: Int
    /// How long text that was deleted or replaced may stay in the write-ahead log's file.
    package var erasureDelay: Duration
    package var searchLimits: SearchLimits

    package init(
        location: Location,
        createsFile: Bool = true,
        readers: Int = 2,
        busyTimeout: Duration = .seconds(5),
        logPages: Int = 16_384,
        erasureDelay: Duration = .seconds(30),
        searchLimits: SearchLimits = SearchLimits()
    ) {
        self.location = location
        self.createsFile = createsFile
        self.readers = readers
        self.busyTimeout = busyTimeout
        self.logPages = logPages
        self.erasureDelay = erasureDelay
        self.searchLimits = searchLimits
    }
}
