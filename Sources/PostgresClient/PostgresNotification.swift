import CLibPQ

/// What somebody has sent by NOTIFY, after their transaction was committed.
package struct PostgresNotification: Equatable, Sendable {
    package let channel: String
    /// Up to 7,999 bytes.
    package let payload: String
    /// The server's process that served the sender.
    package let processID: Int32

    init(_ notification: PGnotify) {
        channel = String(cString: notification.relname)
        payload = String(cString: notification.extra)
        processID = notification.be_pid
    }
}
