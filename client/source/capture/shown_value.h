#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_

#include "absl/status/statusor.h"
#include "client/source/strategy.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// Values of the column by which changes are found. Readers give them in wire form. A pointer is stored in
// shown form, a form for people: it can be cut to a day, and an operator can set it.

namespace mirror {

/// Returns a value in shown form: for DATE to TIMESTAMP_TZ and UUID the text form; other values are
/// unchanged.
KeyPart ShownValue(const Column& column, KeyPart given);

/// Returns the value of a shown form. A text that was cut is completed: "2024-05-01" becomes its midnight.
/// BeforeAll() is unchanged. Errors: kInvalidArgument: it is no value of the column.
absl::StatusOr<KeyPart> GivenValue(const Column& column, KeyPart shown);

/// Returns whether `a` is less than `b`, both in shown form. DECIMAL is compared as numbers, other types as
/// KeyPart compares.
bool IsBelow(const Column& column, const KeyPart& a, const KeyPart& b);

/// Does CutToPrecision() for a value in shown form; a DECIMAL counts as a number.
KeyPart CutPointer(const Column& column, const KeyPart& pointer, const Precision& precision);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_
