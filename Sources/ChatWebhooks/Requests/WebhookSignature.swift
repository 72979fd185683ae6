import Crypto
import FoundationEssentials

/// Signs requests as Standard Webhooks 1.0 describes.
package enum WebhookSignature {
    /// Returns the value of the header `webhook-signature`.
    ///
    /// - Parameters:
    ///   - id: The value of the header `webhook-id`.
    ///   - timestamp: The value of the header `webhook-timestamp`: seconds since 1970.
    ///   - keys: The bytes of the secrets; with two, receivers that know only one of them can verify the request.
    package static func header(id: String, timestamp: Int64, body: [UInt8], keys: [[UInt8]]) -> String {
        let content = Array("\(id).\(timestamp).".utf8) + body
        return keys.map { key in
            let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: key))
            return "v1,\(Data(code).base64EncodedString())"
        }.joined(separator: " ")
    }
}
