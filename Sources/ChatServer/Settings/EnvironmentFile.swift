/// A file of variables in the syntax of python-dotenv 1.2.
///
/// A statement is `NAME=value`, optionally after `export`. A value in single or double quotes can contain escapes and
/// span lines; an unquoted value ends at the end of the line or at a `#` after white space. `${NAME}` and
/// `${NAME:-default}` are expanded in every value, from the environment first and then from earlier statements. A
/// statement that python-dotenv would skip with a warning is an error here, and so is a name without `=`, which
/// python-dotenv reads as no value.
package struct EnvironmentFile: Equatable, Sendable {
    /// One statement.
    package struct Entry: Equatable, Sendable {
        package let name: String
        /// The value, after escapes and expansion.
        package let value: String
        /// The line on which the statement starts, from 1.
        package let line: Int
    }

    /// A syntax error; it omits the text, which may be a secret.
    package struct SyntaxError: Error, Equatable {
        package let line: Int
        /// What is wrong, in words that complete "line 2 is invalid: …".
        package let reason: String
    }

    /// The statements in file order; if a name repeats, the last one wins.
    package let entries: [Entry]

    /// - Parameter environment: Variables for `${NAME}`, which override those in the file.
    package init(parsing bytes: [UInt8], environment: [String: String] = [:]) throws(SyntaxError) {
        var parser = Parser(try Self.decode(bytes))
        var values: [String: String] = [:]
        var entries: [Entry] = []
        while let statement = try parser.next() {
            let value = statement.value.expanding { environment[$0] ?? values[$0] }
            values[statement.name] = value
            entries.append(Entry(name: statement.name, value: value, line: statement.line))
        }
        self.entries = entries
    }

    /// The file's text without a byte order mark, with every line ending, even in quotes, replaced by `\n`.
    private static func decode(_ bytes: [UInt8]) throws(SyntaxError) -> [Unicode.Scalar] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let line = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
            throw SyntaxError(line: line + 1, reason: "it is not UTF-8")
        }
        var scalars: [Unicode.Scalar] = []
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if scalar == "\r" {
                scalars.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                scalars.append(scalar)
            }
            previous = scalar
        }
        return scalars.first == "\u{FEFF}" ? Array(scalars.dropFirst()) : scalars
    }
}

private struct Statement {
    let name: String
    let value: String
    let line: Int
}

private struct Parser {
    private let text: [Unicode.Scalar]
    private var index = 0

    init(_ text: [Unicode.Scalar]) {
        self.text = text
    }

    /// The next statement; nil at the end.
    mutating func next() throws(EnvironmentFile.SyntaxError) -> Statement? {
        while true {
            skip(while: \.isWhiteSpace)
            if peek() == nil { return nil }
            let line = 1 + text[..<index].count { $0 == "\n" }
            skipExport()
            if peek() == "#" {
                skip { $0 != "\n" }
                continue
            }
            guard let statement = readStatement(line: line) else {
                throw EnvironmentFile.SyntaxError(line: line, reason: "it is not NAME=value")
            }
            return statement
        }
    }

    /// Reads one statement; nil if the text here is not one.
    private mutating func readStatement(line: Int) -> Statement? {
        guard let name = readName() else { return nil }
        skip(while: \.isInlineSpace)
        guard peek() == "=" else { return nil }
        index += 1
        skip(while: \.isInlineSpace)
        guard let value = readValue() else { return nil }
        skip(while: \.isInlineSpace)
        if peek() == "#" {
            skip { $0 != "\n" }
        }
        guard peek() == nil || peek() == "\n" else { return nil }
        return Statement(name: name, value: value, line: line)
    }

    private mutating func skipExport() {
        let word = "export".unicodeScalars
        let end = index + word.count
        guard text[index...].starts(with: word), end < text.count, text[end].isInlineSpace else { return }
        index = end
        skip(while: \.isInlineSpace)
    }

    private mutating func readName() -> String? {
        let start: Int
        let name: ArraySlice<Unicode.Scalar>
        if peek() == "'" {
            index += 1
            start = index
            skip { $0 != "'" }
            name = text[start..<index]
            guard peek() != nil else { return nil }
            index += 1
        } else {
            start = index
            skip { $0 != "=" && $0 != "#" && !$0.isWhiteSpace }
            name = text[start..<index]
        }
        return name.isEmpty ? nil : String(name)
    }

    private mutating func readValue() -> String? {
        switch peek() {
        case "'": return readQuoted(by: "'", escapes: ["\\": "\\", "'": "'"])
        case "\"":
            return readQuoted(
                by: "\"",
                escapes: [
                    "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}", "n": "\n", "r": "\r",
                    "t": "\t", "v": "\u{B}",
                ]
            )
        default: return readUnquoted()
        }
    }

    /// Reads up to the first quote that is not escaped or, if all are escaped, up to the last one.
    private mutating func readQuoted(by quote: Unicode.Scalar, escapes: [Unicode.Scalar: Unicode.Scalar]) -> String? {
        let start = index + 1
        var end: Int?
        var position = start
        while position < text.count {
            if text[position] == quote {
                end = position
                break
            }
            if text[position] == "\\", position + 1 < text.count, text[position + 1] == quote {
                position += 1
                end = position
            }
            position += 1
        }
        guard let end else { return nil }
        index = end + 1
        return text[start..<end].replacingEscapes(escapes)
    }

    private mutating func readUnquoted() -> String {
        let start = index
        skip { $0 != "\n" }
        var value = text[start..<index]
        if let comment = value.indices.dropFirst().first(where: { value[$0] == "#" && value[$0 - 1].isWhiteSpace }) {
            value = value[..<comment]
        }
        while value.last?.isWhiteSpace == true {
            value.removeLast()
        }
        return String(value)
    }

    private func peek() -> Unicode.Scalar? {
        index < text.count ? text[index] : nil
    }

    private mutating func skip(while isSkipped: (Unicode.Scalar) -> Bool) {
        while let next = peek(), isSkipped(next) {
            index += 1
        }
    }
}

extension Unicode.Scalar {
    /// Whether Python's `str.isspace` is true for the character.
    fileprivate var isWhiteSpace: Bool {
        properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(self)
    }

    fileprivate var isInlineSpace: Bool {
        isWhiteSpace && self != "\n"
    }
}

extension String {
    fileprivate init(_ scalars: some Sequence<Unicode.Scalar>) {
        var view = UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }

    /// The text with `${NAME}` and `${NAME:-default}` expanded; an unknown name becomes empty.
    fileprivate func expanding(_ value: (String) -> String?) -> String {
        let scalars = Array(unicodeScalars)
        var expanded = UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            if let reference = Reference(in: scalars, at: index) {
                expanded.append(contentsOf: (value(reference.name) ?? reference.fallback).unicodeScalars)
                index = reference.end
            } else {
                expanded.append(scalars[index])
                index += 1
            }
        }
        return String(expanded)
    }
}

/// `${NAME}` or `${NAME:-default}`.
private struct Reference {
    let name: String
    let fallback: String
    let end: Int

    init?(in text: [Unicode.Scalar], at start: Int) {
        guard text[start...].starts(with: "${".unicodeScalars),
            let brace = text[start...].firstIndex(of: "}")
        else { return nil }
        let parts = text[(start + 2)..<brace].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        name = String(parts[0])
        if parts.count == 2 {
            guard parts[1].first == "-" else { return nil }
            fallback = String(parts[1].dropFirst())
        } else {
            fallback = ""
        }
        end = brace + 1
    }
}

extension ArraySlice<Unicode.Scalar> {
    fileprivate func replacingEscapes(_ escapes: [Unicode.Scalar: Unicode.Scalar]) -> String {
        var replaced = String.UnicodeScalarView()
        var rest = self
        while let scalar = rest.popFirst() {
            if scalar == "\\", let next = rest.first, let meant = escapes[next] {
                replaced.append(meant)
                rest.removeFirst()
            } else {
                replaced.append(scalar)
            }
        }
        return String(replaced)
    }
}
