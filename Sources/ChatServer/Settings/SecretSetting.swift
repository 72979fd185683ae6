/// A setting that is a secret; no error or log contains its value.
///
/// It has no option, because process lists show options.
package struct SecretSetting<Value: Sendable>: Sendable {
    /// The name of the environment variable.
    package let variable: String
    /// The values that are accepted, in words that complete "it must be …".
    let expected: String
    /// Parses a value; nil if it is not accepted.
    let parse: @Sendable (String) -> Value?
}
