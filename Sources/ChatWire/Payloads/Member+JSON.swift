package import ChatDomain

extension Member: JSONWritable {
    /// Writes a `Member`; the read marker is the user's own business.
    package func write(to writer: inout JSONWriter) {
        writer.object { writeMembers(to: &$0) }
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("user_id", reference.userID)
        writer.member("role", role.rawValue)
        writer.member("joined_seq", joinedAt)
    }
}

/// A member of a chat with receipts.
private struct MemberWithReceipt: JSONWritable {
    let member: Member

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            member.writeMembers(to: &writer)
            writer.member("read_seq", member.readPosition)
        }
    }
}

extension MemberPage: JSONWritable {
    /// Writes a page of members; `next_cursor` is null at the end of the list.
    package func write(to writer: inout JSONWriter) {
        writer.object { writeMembers(to: &$0) }
    }

    /// Writes the members of a `MemberPage` into the current object.
    package func writeMembers(to writer: inout JSONWriter) {
        if hasReceipts {
            writer.member("members", members.map(MemberWithReceipt.init))
        } else {
            writer.member("members", members)
        }
        writer.member("next_cursor", next)
    }
}

/// The members whom one request added.
package struct MemberList: JSONWritable {
    private let members: [Member]

    package init(_ members: [Member]) {
        self.members = members
    }

    /// Writes a `MemberList`.
    package func write(to writer: inout JSONWriter) {
        writer.object { $0.member("members", members) }
    }
}

extension JSONSchema {
    /// A member of a chat.
    package static let member = component(
        "Member",
        .object([
            .required("user_id", .userID),
            .required("role", .chatRole),
            .required(
                "joined_seq",
                .integer(from: 1),
                "The position of the entry with which the user joined, the last time if there were several."
            ),
            .optional(
                "read_seq",
                .integer(from: 0),
                """
                The position up to which the user has read; only in the list of members of a chat with `receipts`, and \
                only for its members, administrators and server keys without `Act-As`.
                """
            ),
        ])
    )

    /// The members whom a request named.
    package static let memberList = component(
        "MemberList",
        .object([.required("members", memberArray, "The users whom you named, in their current roles.")])
    )

    /// A page of members.
    package static let memberPage = component(
        "MemberPage",
        .object([
            .required("members", memberArray, "In the order of the bytes of their ids."),
            .required("next_cursor", .anyOf(.userID, .null), "The `cursor` of the next page; null at the end."),
        ])
    )

    /// A role in a chat.
    package static let chatRole = values(of: ChatRole.self, named: "ChatRole")

    private static let memberArray = array(of: .member, maximum: MemberPage.maximumCount)
}
