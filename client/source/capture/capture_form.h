#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_FORM_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_FORM_H_

#include <optional>
#include <string>

#include "client/source/capture/capture_rule.h"
#include "client/source/form.h"
#include "proto/wire/table.h"

// CaptureState::Table::form, a text of lines: the strategy and its column; what a digest is over and how rows
// are told apart; what is done with the rows on their way.

namespace mirror {

/// `steps`: SourceTable.steps.
std::string WriteCaptureForm(const TableSchema& table, const CaptureRule& rule, const std::string& steps);

/// The first line.
struct LookedBy {
  std::optional<Strategy> strategy;  ///< Absent: a word of another version.
  std::string word;                  ///< The strategy as it was written.
  std::string column;                ///< Empty: it needs none.
  bool HasPointer() const { return strategy && mirror::HasPointer(*strategy); }
};
LookedBy ReadLookedBy(const std::string& capture_form);

/// The same for a history. `capture_form` may be empty: the table was not looked at yet.
Form FormOf(Strategy strategy, const std::string& capture_form);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_FORM_H_
