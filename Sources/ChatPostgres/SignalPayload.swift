package import ChatDomain
import Hashing

/// The signals of one process to the others, as the text of a notification.
///
/// The first line contains the format's version and the process's number; each further line is a signal, a typing
/// notice, or a notice about an open message:
///
///     1 00c0ffee00c0ffee
///     created CHAT
///     deleted CHAT
///     member CHAT USER
///     access
///     typing CHAT MICROSECONDS [@AUTHOR] [METADATA]
///     grew CHAT MESSAGE EPOCH OFFSET TEXT[TAB STATUS]
///     stored CHAT MESSAGE EPOCH LENGTH
///     wanted CHAT MESSAGE
///     cancel CHAT MESSAGE
///     missed
///     moved CHAT POSITION
package struct SignalPayload: Equatable, Sendable {
    /// The sender's number, which it chose at random when it started.
    package let process: UInt64
    /// In the order of their lines, except that all positions are combined into one `moved` at the end, after one
    /// `membershipsChanged` of all memberships.
    package let signals: [LogSignal]
    /// In the order of their lines; receivers deliver them before `signals`.
    package let typing: [Typing]
    /// In the order of their lines; receivers deliver them before `signals`, which may say that a message has ended.
    package let growth: [GrowthNotice]

    /// PostgreSQL's limit in bytes (`NOTIFY_PAYLOAD_MAX_LENGTH` without the terminating zero).
    package static let maximumLength = 7_999

    /// The length of the longest line, in bytes.
    static let maximumLineLength = maximumLength - "\(version) \(name(of: 0))\n".utf8.count

    /// Parses a payload; nil for any text that this program would not write.
    package init?(_ text: String) {
        let lines = text[...].fields(separatedBy: "\n")
        let header = lines[0].fields(separatedBy: " ")
        guard header.count == 2, header[0] == Self.version, let process = UInt64(header[1], radix: 16),
            header[1] == Self.name(of: process), lines.count > 1
        else { return nil }
        self.process = process

        var signals: [LogSignal] = []
        var positions: [ChatID: Position] = [:]
        var memberships: [MemberReference] = []
        var typing: [Typing] = []
        var growth: [GrowthNotice] = []
        for line in lines.dropFirst() {
            if let notice = Typing(line: line) {
                typing.append(notice)
                continue
            }
            if let notice = GrowthNotice(line: line) {
                growth.append(notice)
                continue
            }
            guard let signal = LogSignal(line: line) else { return nil }
            switch signal {
            case .moved(let moved): positions.merge(moved) { max($0, $1) }
            case .membershipsChanged(let changed): memberships += changed
            default: signals.append(signal)
            }
        }
        if !memberships.isEmpty {
            signals.append(.membershipsChanged(memberships))
        }
        if !positions.isEmpty {
            signals.append(.moved(positions))
        }
        self.signals = signals
        self.typing = typing
        self.growth = growth
    }

    /// Distributes the lines over as many notifications as necessary, each with a header.
    package static func texts(of lines: some Sequence<String>, process: UInt64) -> [String] {
        let header = "\(version) \(name(of: process))"
        var texts: [String] = []
        var text = header
        for line in lines {
            if text.utf8.count + 1 + line.utf8.count > maximumLength {
                texts.append(text)
                text = header
            }
            text += "\n" + line
        }
        return text == header ? texts : texts + [text]
    }

    private static let version = "1"

    private static func name(of process: UInt64) -> String {
        process.hexadecimal
    }
}

extension LogSignal {
    /// The length of the longest `moved` line: the word and two numbers of 19 digits, separated by spaces.
    static let maximumMovedLineLength = 45

    /// The signal's line in a payload; nil for positions and memberships, each of which has a line of its own.
    var line: String? {
        switch self {
        case .created(let chat): "created \(chat.rawValue)"
        case .deleted(let chat): "deleted \(chat.rawValue)"
        case .accessChanged: "access"
        case .missed: "missed"
        case .appended, .moved, .membershipsChanged: nil
        }
    }

    static func memberLine(_ member: MemberReference) -> String {
        "member \(member.chatID.rawValue) \(member.userID.value)"
    }

    static func movedLine(_ chat: ChatID, _ position: Position) -> String {
        "moved \(chat.rawValue) \(position.rawValue)"
    }

    fileprivate init?(line: Substring) {
        let words = line.fields(separatedBy: " ")
        switch (words[0], words.count) {
        case ("created", 2):
            guard let chat = ChatID(words[1]) else { return nil }
            self = .created(chat)
        case ("deleted", 2):
            guard let chat = ChatID(words[1]) else { return nil }
            self = .deleted(chat)
        case ("moved", 3):
            guard let chat = ChatID(words[1]), let position = Position(words[2]) else { return nil }
            self = .moved([chat: position])
        case ("member", 3):
            guard let chat = ChatID(words[1]), let user = UserID(String(words[2])) else { return nil }
            self = .membershipsChanged([MemberReference(chatID: chat, userID: user)])
        case ("access", 1):
            self = .accessChanged
        case ("missed", 1):
            self = .missed
        default:
            return nil
        }
    }
}

extension Typing {
    /// The notice's line in a payload; nil if its metadata is too long.
    var line: String? {
        var start = "typing \(chatID.rawValue) \(instant.microsecondsSinceEpoch)"
        if let author {
            start += " @\(author.value)"
        }
        guard let metadata else { return start }
        return Self.isPlausible(metadata.json) ? "\(start) \(metadata.json)" : nil
    }

    fileprivate init?(line: Substring) {
        guard line.utf8.starts(with: "typing ".utf8) else { return nil }
        let words = line.fields(separatedBy: " ", maximum: 4)
        guard words.count >= 3, let chat = ChatID(words[1]), let microseconds = Int64(canonical: words[2]) else {
            return nil
        }
        var json = words.count == 4 ? String(words[3]) : nil
        var author: UserID?
        if let rest = json, rest.hasPrefix("@") {
            let words = rest[...].fields(separatedBy: " ", maximum: 2)
            author = UserID(String(words[0].dropFirst()))
            guard author != nil else { return nil }
            json = words.count == 2 ? String(words[1]) : nil
        }
        guard json.map(Self.isPlausible) ?? true else { return nil }
        self.init(
            chatID: chat,
            author: author,
            instant: Instant(microsecondsSinceEpoch: microseconds),
            metadata: json.flatMap { Metadata(json: $0) }
        )
    }

    /// Whether the text may be a JSON object without line breaks, which would end a line of a payload or a stream.
    private static func isPlausible(_ json: String) -> Bool {
        json.utf8.count <= maximumMetadataLength && json.hasPrefix("{") && json.hasSuffix("}")
            && json.utf8.allSatisfy { $0 >= 0x20 }
    }
}

extension ChatID {
    init?(_ word: Substring) {
        guard let rawValue = Int64(canonical: word), rawValue > 0 else { return nil }
        self.init(rawValue: rawValue)
    }
}

extension Position {
    fileprivate init?(_ word: Substring) {
        guard let rawValue = Int64(canonical: word), rawValue > 0 else { return nil }
        self.init(rawValue: rawValue)
    }
}

extension Substring {
    /// Splits into at least one field; the last of `maximum` fields contains the rest.
    func fields(separatedBy separator: Unicode.Scalar, maximum: Int = .max) -> [Substring] {
        // Split by scalars: as a Character, a separator is not found before a combining mark.
        unicodeScalars.split(separator: separator, maxSplits: maximum - 1, omittingEmptySubsequences: false)
            .map { Substring($0) }
    }
}

extension Int64 {
    /// Parses a number; nil for forms that this program does not write, such as `+1` and `01`.
    init?(canonical word: Substring) {
        self.init(word)
        guard "\(self)" == word else { return nil }
    }
}
