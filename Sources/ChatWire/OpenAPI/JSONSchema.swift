/// A JSON Schema in the OpenAPI document, which keeps its members in their written order.
package struct JSONSchema: Sendable, ExpressibleByDictionaryLiteral {
    private var members: OpenAPIValue.Members

    /// Takes keywords as they are, unchecked.
    package init(dictionaryLiteral members: (String, OpenAPIValue)...) {
        self.members = members
    }

    /// The schema as a part of the document; a component becomes a `$ref`.
    package var value: OpenAPIValue {
        .object(members)
    }

    /// A member of an object schema.
    package struct Property: Sendable {
        let name: String
        let schema: JSONSchema
        let isRequired: Bool

        /// A member that is always present.
        package static func required(_ name: String, _ schema: JSONSchema, _ description: String? = nil) -> Property {
            Property(name: name, schema: schema.described(description), isRequired: true)
        }

        /// A member that is absent when there is no value.
        package static func optional(_ name: String, _ schema: JSONSchema, _ description: String? = nil) -> Property {
            Property(name: name, schema: schema.described(description), isRequired: false)
        }
    }
}

extension JSONSchema {
    /// A named schema, which the document contains once and refers to by `$ref`.
    ///
    /// A name must always stand for the same schema.
    package static func component(_ name: String, _ schema: JSONSchema) -> JSONSchema {
        ["$ref": .pointer(OpenAPIValue.Component(.schemas, name, schema.value))]
    }

    /// An object that may have further members, as JSON Schema allows by default.
    package static func object(_ properties: [Property], _ description: String? = nil) -> JSONSchema {
        var schema: JSONSchema = ["type": "object"]
        let required = properties.filter(\.isRequired).map { OpenAPIValue.string($0.name) }
        if !required.isEmpty {
            schema.members.append(("required", .array(required)))
        }
        schema.members.append(("properties", .object(properties.map { ($0.name, $0.schema.value) })))
        return schema.described(description)
    }

    /// - Parameter maximum: The greatest number of elements; nil for no limit.
    package static func array(of element: JSONSchema, maximum: Int? = nil) -> JSONSchema {
        var schema: JSONSchema = ["type": "array"]
        if let maximum {
            schema.members.append(("maxItems", .integer(maximum)))
        }
        schema.members.append(("items", element.value))
        return schema
    }

    /// Integers of 64 bits from the minimum up.
    package static func integer(from minimum: Int) -> JSONSchema {
        integer.adding("minimum", .integer(minimum))
    }

    /// Integers in the range, both bounds included.
    package static func integer(in range: ClosedRange<Int>) -> JSONSchema {
        integer(from: range.lowerBound).adding("maximum", .integer(range.upperBound))
    }

    /// A string of 1 to `maximum` characters, counted as Unicode code points.
    package static func string(maximum: Int) -> JSONSchema {
        ["type": "string", "minLength": 1, "maxLength": .integer(maximum)]
    }

    /// One string.
    package static func constant(_ value: String) -> JSONSchema {
        ["type": "string", "const": .string(value)]
    }

    /// The raw values of an enumeration, as a component: generated clients then have one type for all its uses.
    package static func values<Value: RawRepresentable<String> & CaseIterable>(
        of type: Value.Type,
        named name: String
    ) -> JSONSchema {
        component(name, ["type": "string", "enum": .array(type.allCases.map { .string($0.rawValue) })])
    }

    /// Values of exactly one of the schemas.
    package static func oneOf(_ schemas: JSONSchema...) -> JSONSchema {
        ["oneOf": .array(schemas.map(\.value))]
    }

    /// Values of exactly one of the variants.
    package static func oneOf(_ variants: [SchemaVariant]) -> JSONSchema {
        [
            "oneOf": .array(variants.map(\.schema.value)),
            "discriminator": [
                "propertyName": "type",
                "mapping": .object(variants.map { ($0.type, .pointer($0.component)) }),
            ],
        ]
    }

    /// Values of at least one of the schemas.
    package static func anyOf(_ schemas: JSONSchema...) -> JSONSchema {
        ["anyOf": .array(schemas.map(\.value))]
    }

    /// A string of any length.
    package static let string: JSONSchema = ["type": "string"]
    /// An integer of 64 bits.
    package static let integer: JSONSchema = ["type": "integer", "format": "int64"]
    package static let boolean: JSONSchema = ["type": "boolean"]
    package static let null: JSONSchema = ["type": "null"]

    /// Returns a copy with one more keyword at the end.
    package func adding(_ name: String, _ value: OpenAPIValue) -> JSONSchema {
        var schema = self
        schema.members.append((name, value))
        return schema
    }

    /// Returns a copy with a `description`; nil adds none.
    package func described(_ description: String?) -> JSONSchema {
        description.map { adding("description", .string($0)) } ?? self
    }
}
