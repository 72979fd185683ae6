import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let listUsers = APIOperation(
        "listUsers",
        .users,
        "Read several users",
        parameters: [
            .query(
                "ids",
                """
                1 to \(UserList.maximumCount) comma-separated ids. Users that do not exist are left out of the response. \
                Read a user whose id contains a comma with `GET /users/{user_id}`.
                """,
                ["type": "string", "pattern": "^[!-+.-~-]+(,[!-+.-~-]+)*$"],
                isRequired: true,
                example: "ada,bob"
            )
        ],
        responses: [APIResponse(.ok, "The users.", .json(.userList, example: .example(UserList([.example]))))]
    )

    static let getUser = APIOperation(
        "getUser",
        .users,
        "Read a user",
        responses: [
            APIResponse(.ok, "The user.", .json(.user, example: .example(User.example))),
            .userNotFound,
        ]
    )

    static let putUser = APIOperation(
        "putUser",
        .users,
        "Create or replace a user",
        """
        Replaces the whole profile: what you leave out is removed or gets its default. Deactivating a user makes the \
        user's tokens void for good; a user who is active again needs a new one.
        """,
        body: (
            .userProfile, ["name": "Ada", "avatar_url": "https://example.com/ada.png", "metadata": ["team": "core"]]
        ),
        responses: [APIResponse(.ok, "The user.", .json(.user, example: .example(User.example)))]
    )

    static let deleteUser = APIOperation(
        "deleteUser",
        .users,
        "Delete a user",
        """
        Removes the name, the picture and the metadata, and deactivates the user. The id remains, because messages refer to \
        it.
        """,
        parameters: [
            .query(
                "messages",
                """
                `keep` leaves the user's messages as they are. `erase` also deletes them, in the background: each becomes a \
                tombstone, and its chat's log gets a `message.deleted`.
                """,
                .values(of: MessageTreatment.self, named: "MessageTreatment").adding("default", "keep")
            )
        ],
        responses: [APIResponse(.noContent, "The user was deleted."), .userNotFound]
    )

    static let createToken = APIOperation(
        "createToken",
        .users,
        "Issue a token for a user",
        """
        For backends without a JWT library. Only a server key with the scope `admin` may issue tokens, even in open mode: a \
        token stays valid after its issuer has lost access. The server signs with the first secret in `CHAT_JWT_SECRET`. The \
        user need not exist: the first request with the token creates one.
        """,
        body: (.tokenCreate, ["ttl": 3600]),
        responses: [
            APIResponse(
                .created,
                "The token, which is shown only once.",
                .json(.issuedToken, example: .example(IssuedToken.example)),
                headers: [APIResponse.noStore]
            ),
            .tokenNotIssued,
        ]
    )

    static let revokeUserTokens = APIOperation(
        "revokeUserTokens",
        .users,
        "Revoke a user's tokens",
        "Tokens issued before now, and those that do not say when, are void. The user's open streams end.",
        responses: [APIResponse(.noContent, "The tokens are void.")]
    )

    static let revokeAllTokens = APIOperation(
        "revokeAllTokens",
        .users,
        "Revoke all users' tokens",
        "Server keys remain valid.",
        responses: [APIResponse(.noContent, "The tokens are void.")]
    )

    static let getCaller = APIOperation(
        "getCaller",
        .users,
        "Find out who you are",
        responses: [
            APIResponse(
                .ok,
                "The user and the rights of your credential.",
                .json(.caller, example: .example(CallerDescription.example))
            )
        ]
    )
}

extension JSONSchema {
    fileprivate static let userProfile = component(
        "UserProfile",
        .object([
            .optional("name", .anyOf(userName, .null), "The name to show. Null means none."),
            .optional(
                "avatar_url",
                .anyOf(text(maximum: AvatarURL.maximumLength, example: "https://example.com/ada.png"), .null),
                "The address of a picture. Null means none."
            ),
            .optional("metadata", .metadata("\(metadataRules()) Null means none.", example: ["team": "core"])),
            .optional("kind", .userKind.adding("default", "person")),
            .optional("deactivated", .boolean.adding("default", false), "Whether the user has no access."),
        ])
    )

    fileprivate static let tokenCreate = component(
        "TokenCreate",
        .object([
            .required(
                "ttl",
                .integer(from: 1),
                "The token's lifetime in seconds, at most `--token-max-age` (24 hours)."
            ),
            .optional("role", applicationRole.adding("default", "user")),
            .optional("name", .anyOf(userName, .null), "Names the user if the token creates one."),
            .optional("grants", grants),
        ])
    )

    private static let grants = component(
        "Grants",
        [
            "type": "object", "maxProperties": .integer(RequestValidator.maximumGrants),
            "propertyNames": ["pattern": "^(\\*|[1-9][0-9]{0,17})$"],
            "additionalProperties": chatRole.value,
            "description": "Roles in chats by id, and in all chats by `*`, for users without a membership.",
            "examples": [["42": "member", "*": "reader"]],
        ]
    )

    private static let userName = text(maximum: UserName.maximumLength, example: "Ada")
}
