import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import NIOCore
import PostgresClient

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Ends a command with one line for the person who ran it.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// What went wrong with a database, from whichever layer it came.
    init(database error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as MigrationError: self.init(error.description)
        case let error as PostgresError: self.init(StoreError(error).reason)
        default: self.init(StoreError(error).reason)
        }
    }
}

extension IOError {
    /// What the operating system says, without the call that it said it of.
    var reason: String {
        String(cString: strerror(errnoCode))
    }
}
