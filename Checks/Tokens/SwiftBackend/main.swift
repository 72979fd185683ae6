import Foundation
import JWTKit

struct Claims: JWTPayload {
    struct Chat: Codable {
        let name: String
        let grants: [String: String]
    }

    let sub: String
    let iat: IssuedAtClaim
    let exp: ExpirationClaim
    let chat: Chat

    func verify(using algorithm: some JWTAlgorithm) {}
}

let secret = ProcessInfo.processInfo.environment["CHAT_JWT_SECRET"] ?? ""
let keys = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)

func token(user: String, name: String, grants: [String: String]) async throws -> String {
    let chat = Claims.Chat(name: name, grants: grants)
    return try await keys.sign(Claims(sub: user, iat: .init(value: .now), exp: .init(value: .now + 3_600), chat: chat))
}

print(try await token(user: "ada", name: "Ada", grants: ["1": "member"]))
