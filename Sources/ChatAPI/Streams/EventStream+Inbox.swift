import ChatDomain
import ChatOperations
import ChatWire
import NIOCore

extension EventStream: InboxWriter {
    /// A line has no id: only the cursor after several lines says where a client resumes.
    func write(_ line: InboxLine) {
        tally.countEvent()
        var writer = JSONWriter()
        line.write(to: &writer)
        write(form.bytes(type: line.type, id: nil, json: writer.bytes))
    }

    func advance(to cursor: InboxCursor, isCaughtUp: Bool) {
        start.inbox = cursor
        writeNotice(type: "cursor", id: takeID()) { writer in
            writer.member("cursor", cursor.text)
        }
        guard isCaughtUp else { return }
        isInboxBehind = false
        if behind.isEmpty {
            writeCaughtUp()
        }
    }
}
