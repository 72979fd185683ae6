package import ChatDomain
import GRDB

extension StoreError {
    /// Maps an error thrown by GRDB, by SQLite's primary result code.
    package init(_ error: any Error) {
        switch error {
        case let error as StoreError:
            self = error
        case let error as DatabaseError:
            let reason = "SQLite: \(error.message ?? "no message") (\(error.extendedResultCode.rawValue))"
            switch error.resultCode {
            case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM,
                .SQLITE_NOMEM, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_AUTH,
                // The connection was closed: the request came too late during shutdown.
                .SQLITE_MISUSE:
                self = .unavailable(reason: reason)
            case .SQLITE_IOERR:
                // A commit whose sync failed may still have reached the disk.
                self = .outcomeUnknown(reason: reason)
            case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH:
                self = .invalidValue(reason: reason)
            case .SQLITE_ERROR:
                // The statements are the program's own, so the schema must be wrong.
                self = .schemaMismatch(reason: reason)
            default:
                self = .failed(reason: reason)
            }
        case is CancellationError:
            self = .outcomeUnknown(reason: "the request was cancelled")
        default:
            self = .failed(reason: "\(error)")
        }
    }

    init(_ error: any Error, opening location: SQLiteConfiguration.Location) {
        let path =
            switch location {
            case .file(let path): path
            case .memory: ":memory:"
            }
        switch StoreError(error) {
        case .unavailable(let reason), .outcomeUnknown(let reason):
            self = .unavailable(reason: "cannot open \(path): \(reason)")
        case .failed(let reason): self = .failed(reason: "cannot open \(path): \(reason)")
        case let other: self = other
        }
    }
}
