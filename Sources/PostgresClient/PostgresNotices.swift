import CLibPQ

/// Receives what a server sends in addition to results, on the thread of the connection.
final class PostgresNotices {
    /// The first warning since this was last set to nil; notices of lower severity are dropped.
    var warning: String?

    /// Receives the notices of a session, which must not outlive this object.
    func receive(from session: OpaquePointer) {
        let receiver: PQnoticeReceiver = { context, notice in
            guard let context, PostgresConnection.field("V", of: notice) == "WARNING" else { return }
            let notices = Unmanaged<PostgresNotices>.fromOpaque(context).takeUnretainedValue()
            notices.warning = notices.warning ?? PostgresConnection.field("M", of: notice)
        }
        PQsetNoticeReceiver(session, receiver, Unmanaged.passUnretained(self).toOpaque())
    }
}
