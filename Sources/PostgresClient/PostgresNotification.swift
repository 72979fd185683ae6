import CLibPQ

/// A notification sent by NOTIFY, delivered after the sender's transaction committed.
package struct PostgresNotification: Equatable, Sendable {
    /// Case-sensitive; NOTIFY folds unquoted names to lowercase.
    package let channel: String
    /// At most 7,999 bytes; empty if the sender gave none.
    package let payload: String
    /// The id of the server process that served the sender.
    package let processID: Int32

    init(_ notification: PGnotify) {
        channel = String(cString: notification.relname)
        payload = String(cString: notification.extra)
        processID = notification.be_pid
    }
}
