#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_

#include "absl/status/statusor.h"
#include "client/source/strategy.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// The column by which changes are found: readers give its values as they travel, a pointer is kept as people
// read it, so that a day can be cut off it, and somebody can set it.

namespace mirror {

/// Of DATE to TIMESTAMP_TZ and UUID the text form; other values stay.
KeyPart ShownValue(const Column& column, KeyPart given);

/// Back. A text that was cut is filled up: "2024-05-01" is its midnight. BeforeAll() stays. Errors:
/// kInvalidArgument: it is no value of the column.
absl::StatusOr<KeyPart> GivenValue(const Column& column, KeyPart shown);

/// Whether `a`, which is shown as `b` is, comes before it: DECIMAL as the numbers that they are, others as
/// KeyPart compares.
bool IsBelow(const Column& column, const KeyPart& a, const KeyPart& b);

/// CutToPrecision() of a value that is shown: a DECIMAL is a number.
KeyPart CutPointer(const Column& column, const KeyPart& pointer, const Precision& precision);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_
