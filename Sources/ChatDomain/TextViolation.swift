/// Why a text is not accepted.
package enum TextViolation: Error, Equatable {
    /// Nothing is left after trimming.
    case tooShort(minimum: Int)
    /// More Unicode scalars than allowed are left after trimming.
    case tooLong(maximum: Int)
    /// U+0000 is in it, which PostgreSQL's `text` cannot hold.
    case containsNull
}
