import ChatDomain

extension GrowthNotice {
    /// The notice's line in a payload.
    ///
    /// In the text and the status, which follows it after a tab, `\`, line breaks and tabs are escaped as in C.
    var line: String {
        let reference = "\(message.chatID.rawValue) \(message.id.rawValue)"
        switch content {
        case .grew(let piece, let epoch):
            let status = piece.status.map { "\t" + $0.escaped } ?? ""
            return "grew \(reference) \(epoch) \(piece.offset) \(piece.text.escaped)\(status)"
        case .stored(let length, let epoch): return "stored \(reference) \(epoch) \(length)"
        case .released(let epoch): return "released \(reference) \(epoch)"
        case .wanted: return "wanted \(reference)"
        case .cancelRequested: return "cancel \(reference)"
        }
    }

    init?(line: Substring) {
        let words = line.fields(separatedBy: " ", maximum: 6)
        guard words.count >= 3, let chat = ChatID(words[1]), let id = MessageID(words[2]) else { return nil }
        let content: Content
        switch (words[0], words.count) {
        case ("grew", 6):
            guard let epoch = Int64(canonical: words[3]), epoch >= 0, let offset = Self.length(words[4]),
                let (text, status) = Self.text(words[5])
            else { return nil }
            content = .grew(TextPiece(offset: offset, text: text, status: status), epoch: epoch)
        case ("stored", 5):
            guard let epoch = Int64(canonical: words[3]), epoch >= 0, let length = Self.length(words[4]) else {
                return nil
            }
            content = .stored(length: length, epoch: epoch)
        case ("released", 4):
            guard let epoch = Int64(canonical: words[3]), epoch >= 0 else { return nil }
            content = .released(epoch: epoch)
        case ("wanted", 3): content = .wanted
        case ("cancel", 3): content = .cancelRequested
        default: return nil
        }
        self.init(BatchPlan.MessageReference(chatID: chat, id: id), content)
    }

    private static func length(_ word: Substring) -> Int? {
        guard let length = Int64(canonical: word), 0...Int64(StreamedText.maximumLength) ~= length else { return nil }
        return Int(length)
    }

    private static func text(_ escaped: Substring) -> (text: String, status: String?)? {
        let fields = escaped.fields(separatedBy: "\t").map(String.init(unescaping:))
        guard let first = fields[0], (try? StreamedText(first)) != nil else { return nil }
        if fields.count == 1 { return (first, nil) }
        // A status that is not trimmed was not written by this program.
        guard fields.count == 2, let status = fields[1], (try? WriterStatus(status))?.value == status else {
            return nil
        }
        return (first, status)
    }
}

extension MessageID {
    fileprivate init?(_ word: Substring) {
        guard let rawValue = Int64(canonical: word), rawValue > 0 else { return nil }
        self.init(rawValue: rawValue)
    }
}

extension String {
    private static let backslash = UInt8(ascii: "\\")
    /// The escaped bytes, and the letters that stand for them after a backslash.
    private static let escapes: [(byte: UInt8, letter: UInt8)] = [
        (backslash, backslash), (UInt8(ascii: "\n"), UInt8(ascii: "n")), (UInt8(ascii: "\t"), UInt8(ascii: "t")),
    ]

    fileprivate var escaped: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count)
        for byte in utf8 {
            if let letter = Self.escapes.first(where: { $0.byte == byte })?.letter {
                bytes += [Self.backslash, letter]
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    fileprivate init?(unescaping text: Substring) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var isEscape = false
        for byte in text.utf8 {
            if isEscape {
                guard let escaped = Self.escapes.first(where: { $0.letter == byte })?.byte else { return nil }
                bytes.append(escaped)
                isEscape = false
            } else if byte == Self.backslash {
                isEscape = true
            } else {
                bytes.append(byte)
            }
        }
        if isEscape { return nil }
        self.init(decoding: bytes, as: UTF8.self)
    }
}
