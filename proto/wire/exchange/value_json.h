#ifndef MIRROR_PROTO_WIRE_EXCHANGE_VALUE_JSON_H_
#define MIRROR_PROTO_WIRE_EXCHANGE_VALUE_JSON_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json_document.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// Values as JSON, in the form that ledger and hub store. The form is exact: reading it gives the same value.
// Whole numbers have no dot, other numbers have a dot or an exponent, and texts are texts. Bytes, text that
// is not UTF-8 and numbers that JSON lacks are objects with one member: "bytes" and "raw" with base64url,
// "real" with "nan", "inf" or "-inf".

namespace mirror {

void AppendValue(const Literal& value, std::string* json);
std::string ValueJson(const Literal& value);
/// Errors: kInvalidArgument.
absl::StatusOr<Literal> ValueOf(const JsonView& json);

/// Returns the values of a key as an array: [17], ["NO",3]. Ledger and hub identify a row by this text.
std::string KeyJson(const std::vector<Literal>& key);
std::string KeyJson(const Key& key);
/// Errors: kInvalidArgument.
absl::StatusOr<std::vector<Literal>> KeyOfJson(std::string_view json);

/// Converts the value of a key column to a literal.
Literal LiteralOf(const KeyPart& part);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_EXCHANGE_VALUE_JSON_H_
