package import ChatDomain
package import NIOCore

/// Writes JSON as bytes, members in the order in which they are written.
///
/// Strings are escaped as RFC 8259 demands and no further: other scripts, `/` and markup stay as they are.
package struct JSONWriter {
    package private(set) var buffer: ByteBuffer
    private var needsComma = false

    package init(capacity: Int = 256) {
        buffer = ByteBufferAllocator().buffer(capacity: capacity)
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
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeStaticString(name)
        buffer.writeStaticString("\":")
        needsComma = false
    }

    /// The same for a name that comes from elsewhere.
    package mutating func name(_ name: String) {
        separate()
        writeQuoted(name)
        buffer.writeInteger(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func value(_ value: String) {
        separate()
        writeQuoted(value)
        needsComma = true
    }

    package mutating func value(_ value: Int64) {
        separate()
        writeDecimal(value)
        needsComma = true
    }

    /// An instant as an RFC 3339 string in UTC, always with six digits of a second and `Z`.
    package mutating func value(_ value: Instant) {
        separate()
        writeTimestamp(value)
        needsComma = true
    }

    package mutating func null() {
        separate()
        buffer.writeStaticString("null")
        needsComma = true
    }

    /// A text that is JSON already.
    package mutating func json(_ value: JSONValue) {
        separate()
        buffer.writeBytes(value.bytes)
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        buffer.writeInteger(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        buffer.writeInteger(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma {
            buffer.writeInteger(UInt8(ascii: ","))
        }
    }

    /// For the extensions that write the scalars.
    mutating func withBuffer(_ body: (inout ByteBuffer) -> Void) {
        body(&buffer)
    }
}
