package import ChatDomain

/// Writes JSON as bytes, members in the order in which they are written.
///
/// Strings are escaped as RFC 8259 demands and no further: other scripts, `/` and markup stay as they are.
package struct JSONWriter {
    // An array's bytes are written in place; each write to a `ByteBuffer` costs a check of its own.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        members(&self)
        close(UInt8(ascii: "}"))
    }

    package mutating func array<Element>(
        _ elements: some Sequence<Element>,
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        open(UInt8(ascii: "["))
        for element in elements {
            write(&self, element)
        }
        close(UInt8(ascii: "]"))
    }

    /// The name of the member whose value is written next.
    ///
    /// Names are the program's own and need no escaping.
    @_disfavoredOverload
    package mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(name)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// The same for a name that comes from elsewhere.
    package mutating func name(_ name: String) {
        separate()
        bytes.appendQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func value(_ value: String) {
        separate()
        bytes.appendQuoted(value)
        needsComma = true
    }

    package mutating func value(_ value: Int64) {
        separate()
        bytes.appendDecimal(value)
        needsComma = true
    }

    /// - Precondition: The number is finite.
    package mutating func value(_ value: Double) {
        separate()
        bytes.append(contentsOf: value.description.utf8)
        needsComma = true
    }

    /// An instant as an RFC 3339 string in UTC, always with six digits of a second and `Z`.
    package mutating func value(_ value: Instant) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.appendTimestamp(value)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    package mutating func value(_ value: Bool) {
        separate()
        bytes.append(value ? "true" as StaticString : "false")
        needsComma = true
    }

    package mutating func null() {
        separate()
        bytes.append("null" as StaticString)
        needsComma = true
    }

    /// Ends a value that is a line of its own.
    package mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Forgets what was written and keeps the room for it.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// A text that is JSON already.
    package mutating func json(_ value: JSONValue) {
        separate()
        bytes.append(contentsOf: value.bytes)
        needsComma = true
    }

    /// The same.
    package mutating func json(_ metadata: Metadata) {
        separate()
        bytes.append(contentsOf: metadata.json.utf8)
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma {
            bytes.append(UInt8(ascii: ","))
        }
    }
}
