import ChatDomain
import ChatOperations
import ChatWire
import NIOCore

extension EventStream: InboxWriter {
    /// Lines have no id: they come in no particular order, so that only a page of them can be resumed from.
    func write(_ line: InboxLine) {
        tally.countEvent()
        var writer = JSONWriter()
        line.write(to: &writer)
        write(form.bytes(type: line.type, id: nil, json: writer.bytes))
    }

    func advance(to cursor: InboxCursor) {
        start.inbox = cursor
        writeNotice(type: "cursor", id: takeID()) { writer in
            writer.member("cursor", cursor.text)
        }
        guard isInboxBehind, cursor.pass == nil else { return }
        isInboxBehind = false
        if behind.isEmpty {
            writeCaughtUp()
        }
    }
}
