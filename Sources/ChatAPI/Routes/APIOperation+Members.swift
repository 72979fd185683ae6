import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let listMembers = APIOperation(
        "listMembers",
        .members,
        "List a chat's members",
        parameters: [
            .limit(.members, "The maximum number of members to return."),
            .query("cursor", "The `next_cursor` of the previous page.", .userID),
        ],
        responses: [
            APIResponse(.ok, "A page of members.", .json(.memberPage, example: .example(MemberPage.example)))
        ]
    )

    static let addMembers = APIOperation(
        "addMembers",
        .members,
        "Add members to a chat",
        """
        Adds up to \(MemberIDs.maximumCount) users with one entry, `member.joined`. Users who are members already keep their \
        roles, so you can repeat the request. The users need not exist yet. Moderators add members and readers, owners add \
        anyone. A user may join an open chat as a member or reader.
        """,
        body: (.membersAdd, ["users": ["ben", "eve"], "role": "member"]),
        responses: [
            APIResponse(
                .ok,
                "The users whom you named, with their roles.",
                .json(.memberList, example: .example(MemberList([.example])))
            )
        ]
    )

    static let putMember = APIOperation(
        "putMember",
        .members,
        "Add a member, or change a member's role",
        """
        Adds the user with the entry `member.joined`, or changes the role with `member.updated`. Owners change roles; anyone \
        may give up a role. A user may join an open chat as a member or reader.
        """,
        body: (.memberPut, ["role": "member"]),
        responses: [
            APIResponse(.ok, "The member.", .json(.member, example: .example(Member.example))),
            .lastOwner,
        ]
    )

    static let deleteMember = APIOperation(
        "deleteMember",
        .members,
        "Remove a member, or leave a chat",
        """
        Removes the user with the entry `member.left`. Moderators remove members and readers, owners remove anyone. With your \
        own id, you leave the chat.
        """,
        responses: [
            APIResponse(.noContent, "The user is not a member any more."),
            .memberNotFound,
            .lastOwner,
        ]
    )

    static let openDirectChat = APIOperation(
        "openDirectChat",
        .members,
        "Open the chat between you and another user",
        """
        Creates the chat, or finds the one that either of you created: there is only one. Both of you are members, also if \
        one of you had left. The caller must be a user.
        """,
        body: (.directOpen, ["user": "ben"]),
        responses: [
            APIResponse(.created, "The new chat.", .json(.chat, example: .example(Chat.directExample))),
            APIResponse(.ok, "The chat existed already.", .json(.chat, example: .example(Chat.directExample))),
        ]
    )
}

extension JSONSchema {
    fileprivate static let membersAdd = component(
        "MembersAdd",
        .object([.required("users", .users(minimum: 1)), .optional("role", chatRole.adding("default", "member"))])
    )

    fileprivate static let memberPut = component("MemberPut", .object([.required("role", .chatRole)]))

    fileprivate static let directOpen = component(
        "DirectOpen",
        .object([.required("user", .userID, "The other user, who need not exist yet.")])
    )
}
