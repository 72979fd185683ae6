/// How to open a SQLite database.
package struct SQLiteConfiguration: Sendable {
    package enum Location: Equatable, Sendable {
        /// A database file, made if it is missing; relative paths begin at the working directory.
        case file(String)
        /// A database of this process alone, gone when it is closed.
        case memory
    }

    package var location: Location
    /// Connections that read beside the one that writes, at least 1.
    ///
    /// A database in memory has one connection for all.
    package var readers: Int
    /// How long a statement waits for a lock that another process holds.
    package var busyTimeout: Duration

    package init(location: Location, readers: Int = 2, busyTimeout: Duration = .seconds(5)) {
        self.location = location
        self.readers = readers
        self.busyTimeout = busyTimeout
    }
}
