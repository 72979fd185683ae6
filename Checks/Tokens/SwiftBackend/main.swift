import Foundation
import JWTKit

struct Claims: JWTPayload {
    struct Chat: Codable {
        let name: String
        let grants: [String: String]
    }

    let sub: SubjectClaim
    let iat: IssuedAtClaim
    let exp: ExpirationClaim
    let chat: Chat

    func verify(using algorithm: some JWTAlgorithm) {}
}

let secret = ProcessInfo.processInfo.environment["CHAT_JWT_SECRET"] ?? ""
let keys = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)

func token(user: String, name: String, grants: [String: String]) async throws -> String {
    let chat = Claims.Chat(name: name, grants: grants)
    let expiration = ExpirationClaim(value: .now.addingTimeInterval(3_600))
    return try await keys.sign(Claims(sub: .init(value: user), iat: .init(value: .now), exp: expiration, chat: chat))
}

print(try await token(user: "ada", name: "Ada", grants: ["1": "member"]))
