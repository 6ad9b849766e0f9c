#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_

#include "absl/status/statusor.h"
#include "client/source/strategy.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// Values of the column by which changes are found. Readers give them in wire form; a pointer is stored in a
// form for people, so that it can be cut to a day, and an operator can set it.

namespace mirror {

/// Returns the text form for DATE to TIMESTAMP_TZ and UUID; other values stay.
KeyPart ShownValue(const Column& column, KeyPart given);

/// The reverse of ShownValue(). A text that was cut is completed: "2024-05-01" becomes its midnight.
/// BeforeAll() stays. Errors: kInvalidArgument: it is no value of the column.
absl::StatusOr<KeyPart> GivenValue(const Column& column, KeyPart shown);

/// Whether `a` is less than `b`, both in shown form: DECIMAL compared as numbers, others as KeyPart
/// compares.
bool IsBelow(const Column& column, const KeyPart& a, const KeyPart& b);

/// CutToPrecision() for a value in shown form: a DECIMAL is a number.
KeyPart CutPointer(const Column& column, const KeyPart& pointer, const Precision& precision);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_SHOWN_VALUE_H_
