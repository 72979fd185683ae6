import ChatDomain
import ChatLive
import ChatOperations
import NIOCore

/// A stream of the text of one open message: the events about it until it ends, or the text alone.
extension EventStream {
    func writeBeginning(of text: TextStart) {
        if plainText == nil {
            write(form.bytes(of: LiveEvent(text.piece, of: text.reference)))
        } else {
            writePlain(text.piece.text)
        }
    }

    func send(_ event: LiveEvent, ofText message: BatchPlan.MessageReference) {
        // The entry of the message itself may be read after the message has ended.
        guard let change = event.change, change.message == message, !event.isCreation else { return }
        switch change.kind {
        case .grew(let piece):
            if plainText == nil {
                write(form.bytes(of: event))
            } else if !extendPlain(with: piece.text, at: piece.offset) {
                cutOff()
            }
        case .ended(let text):
            if plainText == nil {
                write(form.bytes(of: event))
                end()
            } else if let text, extendPlain(with: text, at: 0) {
                end()
            } else {
                cutOff()
            }
        }
    }

    /// Writes what the client lacks.
    ///
    /// - Returns: False if the client has text that is no longer there.
    private func extendPlain(with piece: String, at offset: Int) -> Bool {
        guard var text = plainText else { return false }
        let length = text.length
        guard offset + piece.unicodeScalars.count >= length, (try? text.write(piece, at: offset)) != nil else {
            return false
        }
        writePlain(text.suffix(from: length))
        plainText = text
        return true
    }

    private func writePlain(_ text: String) {
        // An empty chunk would end the body.
        if !text.isEmpty {
            write(ByteBuffer(chunk: Array(text.utf8)))
        }
    }
}

extension LiveEvent {
    /// Whether it is the entry with which a message was posted.
    var isCreation: Bool {
        type == LogEntry.Kind.messageCreated.rawValue
    }
}
