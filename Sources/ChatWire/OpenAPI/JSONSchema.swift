/// A schema in the OpenAPI document.
package struct JSONSchema: Sendable, ExpressibleByDictionaryLiteral {
    private var members: OpenAPIValue.Members

    package init(dictionaryLiteral members: (String, OpenAPIValue)...) {
        self.members = members
    }

    package var value: OpenAPIValue {
        .object(members)
    }

    /// A member of an object.
    package struct Property: Sendable {
        let name: String
        let schema: JSONSchema
        let isRequired: Bool

        package static func required(_ name: String, _ schema: JSONSchema, _ description: String? = nil) -> Property {
            Property(name: name, schema: schema.described(description), isRequired: true)
        }

        /// A member that is absent unless there is a value.
        package static func optional(_ name: String, _ schema: JSONSchema, _ description: String? = nil) -> Property {
            Property(name: name, schema: schema.described(description), isRequired: false)
        }
    }
}

extension JSONSchema {
    /// A schema with a name, which the document contains once.
    package static func component(_ name: String, _ schema: JSONSchema) -> JSONSchema {
        ["$ref": .pointer(OpenAPIValue.Component(.schemas, name, schema.value))]
    }

    package static func object(_ properties: [Property], _ description: String? = nil) -> JSONSchema {
        var schema: JSONSchema = ["type": "object"]
        let required = properties.filter(\.isRequired).map { OpenAPIValue.string($0.name) }
        if !required.isEmpty {
            schema.members.append(("required", .array(required)))
        }
        schema.members.append(("properties", .object(properties.map { ($0.name, $0.schema.value) })))
        return schema.described(description)
    }

    package static func array(of element: JSONSchema, maximum: Int? = nil) -> JSONSchema {
        var schema: JSONSchema = ["type": "array"]
        if let maximum {
            schema.members.append(("maxItems", .integer(maximum)))
        }
        schema.members.append(("items", element.value))
        return schema
    }

    package static func integer(from minimum: Int) -> JSONSchema {
        ["type": "integer", "minimum": .integer(minimum)]
    }

    package static func integer(in range: ClosedRange<Int>) -> JSONSchema {
        ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
    }

    /// A string of at least one character.
    package static func string(maximum: Int) -> JSONSchema {
        ["type": "string", "minLength": 1, "maxLength": .integer(maximum)]
    }

    /// Values of exactly one of the schemas.
    package static func oneOf(_ schemas: JSONSchema...) -> JSONSchema {
        ["oneOf": .array(schemas.map(\.value))]
    }

    /// Values of at least one of the schemas.
    package static func anyOf(_ schemas: JSONSchema...) -> JSONSchema {
        ["anyOf": .array(schemas.map(\.value))]
    }

    package static let string: JSONSchema = ["type": "string"]
    package static let integer: JSONSchema = ["type": "integer"]
    package static let boolean: JSONSchema = ["type": "boolean"]
    package static let null: JSONSchema = ["type": "null"]

    package func adding(_ name: String, _ value: OpenAPIValue) -> JSONSchema {
        var schema = self
        schema.members.append((name, value))
        return schema
    }

    package func described(_ description: String?) -> JSONSchema {
        description.map { adding("description", .string($0)) } ?? self
    }
}
