#ifndef MIRROR_SERVER_HUB_PLAN_SAME_VALUE_H_
#define MIRROR_SERVER_HUB_PLAN_SAME_VALUE_H_

#include <cstdint>

#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Which other forms of a value a column's database may write, though nobody edited it.
enum class FormOf : std::uint8_t {
  kNothing,  ///< Texts and bytes: another form is another value.
  kTyped,    ///< Numbers or times: the database writes every text in it.
  /// Each value has a kind of its own, as in a SQLite column without a type. Texts are as somebody typed
  /// them: '01067' is not '1067', and '+49' is not '49'.
  kAny,
  /// Values of any kind where the source expected times, numbers or texts, as a date that is none.
  kWidened,
};

/// Whether two values of such a column are one number or one moment in two forms: 12.5, '12.50' and
/// '12.5000', or '2026-01-02T03:04:05Z' and '2026-01-02 03:04:05.000'. A column whose type changes is written
/// in another form by its database.
bool SaysTheSame(const Literal& a, const Literal& b, FormOf form);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_SAME_VALUE_H_
