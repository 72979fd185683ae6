import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import Glibc
import NIOCore
import PostgresClient

/// An error that ends a command; its description is the one line that the user sees.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// Wraps an error from any layer of the database code.
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
    /// The operating system's message, without the name of the failed call.
    var reason: String {
        String(cString: strerror(errnoCode))
    }
}
