import ChatDomain
import ChatLive

/// The text of an open message that another server holds, as far as this server has it.
///
/// Decides when the message must be read from the store, and when its holder must be asked for what is missing there.
struct MessageCopy {
    /// What must be done next.
    enum Step: Equatable {
        case read
        /// Ask the holder to store the text.
        case want
    }

    /// Pieces that do not join the text yet.
    private struct Pending {
        let offset: Int
        private(set) var text: GrowingText
        private(set) var status: String?

        init(_ piece: TextPiece) {
            offset = piece.offset
            text = GrowingText(piece.text)
            status = piece.status
        }

        /// Returns false if the piece does not join these.
        mutating func append(_ piece: TextPiece) -> Bool {
            guard piece.offset >= offset, let hasGrown = try? text.write(piece.text, at: piece.offset - offset) else {
                return false
            }
            status = hasGrown ? piece.status : piece.status ?? status
            return true
        }
    }

    /// How long a copy is kept up to date for somebody who has read it once.
    static let readInterest = Duration.seconds(30)
    /// How long the holder has to answer before it is asked again.
    static let patience = Duration.seconds(2)

    /// What its readers get; nil until the message was read from the store.
    private(set) var text: OpenMessage?
    /// The newest epoch of the writer that this server knows of; nil if none.
    private var epoch: Int64?
    /// Whether the text is not known to be of this epoch.
    private var isOutdated = true
    /// Whether the holder of the next epoch has the text, too.
    private var isHandedOver = false
    private var pending: Pending?
    private var isReading = false
    private var mustRead = false
    private var mustWant = false
    /// When the holder was asked for what is missing; nil if it need not answer.
    private var wantedAt: HeldMessage.Clock?
    private var ttl = MessageTTL.standard.duration
    private var heardAt: HeldMessage.Clock
    /// When somebody read the message, apart from connections that follow the chat; nil if nobody did.
    private var readAt: HeldMessage.Clock?

    init(at now: HeldMessage.Clock) {
        heardAt = now
    }

    /// Whether somebody has read the message lately.
    func isRead(at now: HeldMessage.Clock) -> Bool {
        readAt.map { now < $0 + Self.readInterest } ?? false
    }

    /// Whether its holder may be gone: nothing was heard of it for the time that the message may go without an append.
    func isSilent(at now: HeldMessage.Clock) -> Bool {
        now >= heardAt + ttl
    }

    mutating func noteReader(at now: HeldMessage.Clock) {
        readAt = now
    }
}

/// What other servers say; notices of an earlier epoch are ignored.
extension MessageCopy {
    /// Takes the text that a server has in an epoch.
    ///
    /// - Parameter next: Whether the server that takes the message over next has it, too.
    mutating func take(_ text: OpenMessage, in epoch: Int64, andNext next: Bool, at now: HeldMessage.Clock) {
        self.text = text
        self.epoch = epoch
        isHandedOver = next
        isOutdated = false
        pending = nil
        heardAt = now
    }

    mutating func receive(_ piece: TextPiece, in epoch: Int64, at now: HeldMessage.Clock) {
        guard note(epoch, at: now) else { return }
        if pending?.append(piece) != true {
            pending = Pending(piece)
        }
        join()
        // Before the holder is asked, the store is.
        if pending != nil, wantedAt == nil, !isReading { mustRead = true }
    }

    mutating func receive(storedLength: Int, in epoch: Int64, at now: HeldMessage.Clock) {
        guard note(epoch, at: now) else { return }
        wantedAt = nil
        if isOutdated || storedLength > text?.length ?? 0 { mustRead = true }
    }

    private mutating func note(_ epoch: Int64, at now: HeldMessage.Clock) -> Bool {
        let known = self.epoch ?? -1
        guard epoch >= known else { return false }
        heardAt = now
        if epoch > known {
            adopt(epoch)
            if isOutdated { mustRead = true }
        }
        return true
    }
}

extension MessageCopy {
    /// Follows the holder of another epoch, which may have another text unless it got this one from this server.
    private mutating func adopt(_ epoch: Int64) {
        isOutdated = isOutdated || !isHandedOver
        isHandedOver = false
        self.epoch = epoch
        pending = nil
    }
}

/// What the store says.
extension MessageCopy {
    /// Takes the text of a message that was read from the store, unless it is older than the copy.
    ///
    /// - Parameter known: The text that readers have if the copy has none yet: this server held the message before.
    /// - Returns: False if the message is no longer open.
    mutating func update(with message: Message, known: OpenMessage?) -> Bool {
        guard let writer = message.stream?.writer else { return false }
        ttl = writer.ttl.duration
        if let epoch, writer.epoch < epoch { return true }
        if writer.epoch != epoch { adopt(writer.epoch) }
        if let text = text ?? known {
            // The store may have less than the copy, but not another text.
            if isOutdated || (try? text.write(message.text, at: 0, status: nil)) == nil {
                text.replace(with: message.text)
            }
            self.text = text
        } else {
            text = OpenMessage(message, isNew: false)
        }
        isOutdated = false
        join()
        return true
    }

    mutating func endRead() {
        isReading = false
    }

    /// Has the message read, for example because the last read has failed.
    mutating func readAgain() {
        isReading = false
        mustRead = true
    }

    /// Has the holder asked for text that may not be stored yet; an earlier request may have been lost.
    mutating func want() {
        mustWant = true
        wantedAt = nil
    }

    /// Returns what must be done now, once.
    mutating func next(at now: HeldMessage.Clock) -> Step? {
        if isReading { return nil }
        if mustRead {
            mustRead = false
            isReading = true
            return .read
        }
        guard mustWant || pending != nil, wantedAt.map({ now >= $0 + Self.patience }) ?? true else { return nil }
        mustWant = false
        wantedAt = now
        return .want
    }

    /// Writes the pending pieces to the text if they join it.
    private mutating func join() {
        guard let text, !isOutdated, let pieces = pending else { return }
        do throws(AppendRejection) {
            _ = try text.write(pieces.text.text, at: pieces.offset, status: pieces.status)
            pending = nil
        } catch .offsetMismatch(let length) where pieces.offset > length {
            return
        } catch {
            // What the copy has is not what the holder has.
            pending = nil
            isOutdated = true
            mustRead = true
        }
    }
}
