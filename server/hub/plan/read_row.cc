#include "server/hub/plan/read_row.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/hub/plan/match_keys.h"

namespace mirror {
namespace {

/// Longer texts are compared as they are.
constexpr std::size_t kNumberBytesMax = 2'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Removes the digits at the begin of `rest`, and returns them.
std::string_view TakeDigits(std::string_view* rest) {
  std::size_t count = 0;
  while (count < rest->size() && IsDigit((*rest)[count])) ++count;
  const std::string_view digits = rest->substr(0, count);
  rest->remove_prefix(count);
  return digits;
}

bool TakeOneOf(std::string_view* rest, std::string_view chars) {
  if (rest->empty() || chars.find(rest->front()) == std::string_view::npos) return false;
  rest->remove_prefix(1);
  return true;
}

/// Returns sign, digits without zeros at either end, and the power of ten of the last; absent: not a number.
std::optional<std::string> NumberOf(std::string_view text) {
  if (text.size() > kNumberBytesMax) return std::nullopt;
  const bool negative = !text.empty() && text.front() == '-';
  TakeOneOf(&text, "+-");
  const std::string_view whole = TakeDigits(&text);
  const std::string_view part = TakeOneOf(&text, ".") ? TakeDigits(&text) : std::string_view();
  if (whole.empty() && part.empty()) return std::nullopt;
  std::int64_t power = -static_cast<std::int64_t>(part.size());
  if (TakeOneOf(&text, "eE")) {
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    power += exponent;
  }
  if (!text.empty()) return std::nullopt;
  std::string digits = absl::StrCat(std::string(whole), std::string(part));
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  const std::size_t last = digits.find_last_not_of('0');
  power += static_cast<std::int64_t>(digits.size() - last - 1);
  digits.resize(last + 1);
  return absl::StrCat(negative ? "-" : "", digits, "e", power);
}

/// Takes `begin` and two digits, `count` times.
bool TakePairs(std::string_view* rest, std::string_view begin, int count, std::string* to) {
  for (int i = 0; i < count; ++i) {
    if (!begin.empty() && !TakeOneOf(rest, begin)) return false;
    if (rest->size() < 2 || !IsDigit((*rest)[0]) || !IsDigit((*rest)[1])) return false;
    absl::StrAppend(to, std::string(rest->substr(0, 2)));
    rest->remove_prefix(2);
  }
  return true;
}

/// Returns the zone after a time: hours and minutes, or empty for UTC, which a time
/// without a zone means, too. Absent: something else.
std::optional<std::string> ZoneOf(std::string_view rest) {
  if (rest.empty()) return "";
  if (rest == "Z" || rest == "z") return "";
  std::string zone(1, rest.front());
  if (!TakeOneOf(&rest, "+-") || !TakePairs(&rest, "", 1, &zone)) return std::nullopt;
  if (rest.empty()) {
    zone += "00";
  } else {
    TakeOneOf(&rest, ":");
    if (!TakePairs(&rest, "", 1, &zone) || !rest.empty()) return std::nullopt;
  }
  return zone == "+0000" || zone == "-0000" ? "" : zone;
}

/// Returns day and time in one form. Absent: the text is no day with a time.
std::optional<std::string> MomentOf(std::string_view text) {
  std::string moment(TakeDigits(&text));
  if (moment.size() < 4 || !TakePairs(&text, "-", 2, &moment) || !TakeOneOf(&text, "T ")) return std::nullopt;
  if (!TakePairs(&text, "", 1, &moment) || !TakePairs(&text, ":", 1, &moment)) return std::nullopt;
  std::string seconds, part;
  if (!text.empty() && text.front() == ':' && !TakePairs(&text, ":", 1, &seconds)) return std::nullopt;
  if (TakeOneOf(&text, ".")) {
    part = TakeDigits(&text);
    part.resize(part.find_last_not_of('0') + 1);
  }
  const std::optional<std::string> zone = ZoneOf(text);
  if (!zone) return std::nullopt;
  return absl::StrCat(moment, seconds.empty() ? "00" : seconds, ".", part, *zone);
}

std::optional<std::string> NumberOf(double value) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return NumberOf(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
}

/// Returns the number in a text that a person or a database wrote; `by_database`: only in the form of
/// databases, without a plus sign and without zeros before the first digit.
std::optional<std::string> NumberOfText(std::string_view text, bool by_database) {
  if (by_database) {
    std::string_view digits = text;
    TakeOneOf(&digits, "-");
    const bool has_zero_first = digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1]);
    if (has_zero_first || (!digits.empty() && digits[0] == '+')) return std::nullopt;
  }
  return NumberOf(text);
}

/// Returns the number. Absent: it is none.
std::optional<std::string> NumberOfValue(const Literal& value, bool by_database) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return NumberOf(absl::StrCat(*integer));
  if (const auto* real = std::get_if<double>(&value)) return NumberOf(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return NumberOfText(*text, by_database);
  return std::nullopt;
}

bool IsOneNumber(const Literal& a, const Literal& b, bool by_database) {
  const std::optional<std::string> number = NumberOfValue(a, by_database);
  return number && number == NumberOfValue(b, by_database);
}

bool IsOneMoment(const std::string& a, const std::string& b) {
  const std::optional<std::string> moment = MomentOf(a);
  return moment && moment == MomentOf(b);
}

}  // namespace

bool SaysTheSame(const Literal& a, const Literal& b, FormOf form) {
  if (a == b) return true;
  if (form == FormOf::kNothing) return false;
  const auto* const text = std::get_if<std::string>(&a);
  const auto* const other = std::get_if<std::string>(&b);
  if (text == nullptr || other == nullptr) return IsOneNumber(a, b, form != FormOf::kTyped);
  if (form == FormOf::kAny) return false;
  return IsOneMoment(*text, *other) || (form == FormOf::kTyped && IsOneNumber(a, b, false));
}

namespace {

class RowReader {
 public:
  explicit RowReader(RowReading reading) : in_(std::move(reading)) {
    if (in_.row) now_ = HashesOf(KeysOf(in_.entity, [&](const std::string& a) { return Here(a); }));
  }

  RowNews Read();

 private:
  bool HasWish() const { return !in_.mode.has_value(); }
  bool LosesByOurs() const { return in_.mode == ResumeMode::kOurs || in_.mode == ResumeMode::kNewest; }
  const Literal* Here(const std::string& attribute) const;
  const WroteColumn* WroteIn(const std::string& attribute) const;
  bool IsAsMade(const KeyHashes& took) const;
  void LookAtMade();
  void Leave(bool wish, bool give_back) { news_.left = RowNews::Left{wish, give_back}; }
  void LookAtIdentity();
  void BeginRow();
  void GoOnWithRow();
  std::optional<std::int64_t> Stamp() const;
  bool IsStill(const std::string& attribute, const Literal& value, const Literal& before) const;
  bool IsOlder(std::optional<std::int64_t> stamp, std::optional<std::int64_t> known) const;
  Said Say(const std::string& attribute, std::optional<std::int64_t> stamp);
  Said SayWritten(const std::string& attribute, const Literal& value, const WroteColumn& wrote);
  Said News(const std::string& attribute, const Literal& value, std::optional<std::int64_t> stamp);

  RowReading in_;
  KeyHashes now_;
  RowNews news_;
  MemberRow row_;
  bool unseen_ = false;
  bool made_here_ = false;  ///< The exchange made the present row.
};

const Literal* RowReader::Here(const std::string& attribute) const {
  const auto column = in_.member.columns.find(attribute);
  if (column == in_.member.columns.end()) return nullptr;
  const auto value = in_.row->values.find(column->second);
  return value == in_.row->values.end() ? nullptr : &value->second;
}

const WroteColumn* RowReader::WroteIn(const std::string& attribute) const {
  const auto wrote = in_.wrote.find(in_.member.columns.at(attribute));
  return wrote == in_.wrote.end() ? nullptr : &wrote->second;
}

/// Returns whether the present row is the one that the exchange made. `took`: the keys that found that one.
bool RowReader::IsAsMade(const KeyHashes& took) const {
  if (!took.empty()) return Meet(took, now_);
  return std::all_of(in_.wrote.begin(), in_.wrote.end(), [&](const auto& wrote) {
    const auto value = in_.row->values.find(wrote.first);
    return value != in_.row->values.end() && value->second == wrote.second.result;
  });
}

void RowReader::LookAtMade() {
  if (in_.mode && in_.old) {
    // An entry from before the restore. The row is known; if it does not exist now, it was lost, too.
    if (in_.made) news_.made_and_gone = false;
    in_.made.reset();
  }
  if (!in_.made) return;
  const KeyHashes took = HashesOf(KeysOf(in_.entity, [&](const std::string& attribute) -> const Literal* {
    const auto column = in_.member.columns.find(attribute);
    if (column == in_.member.columns.end()) return nullptr;
    const auto wrote = in_.wrote.find(column->second);
    return wrote == in_.wrote.end() ? nullptr : &wrote->second.result;
  }));
  // A source forgets its writes to a row that was deleted: then another row is there.
  if (in_.row && !in_.wrote.empty() && ((!in_.anew && !in_.mode) || IsAsMade(took))) {
    made_here_ = true;
    return;
  }
  in_.wrote.clear();  // Made by the exchange, and deleted before it was read.
  news_.made_and_gone = HasWish() && (!in_.row || !took.empty());
}

/// Decides whether the known row is the present one.
void RowReader::LookAtIdentity() {
  const KeyHashes was = HashesOf(KeysOf(in_.entity, *in_.old));
  bool same = Meet(was, now_);
  if (in_.mode && !same) {
    same = now_ == was || std::any_of(in_.old->former.begin(), in_.old->former.end(),
                                      [&](const KeyHashes& f) { return f == now_ || Meet(f, now_); });
  }
  if (!in_.made && (same || !(in_.anew || in_.removed || in_.mode))) return;
  // Another row. If the reason is unknown, nothing is deleted elsewhere for it.
  Leave(HasWish() && !in_.removed && (!was.empty() || !now_.empty()), false);
  in_.old.reset();
  if (!in_.made) in_.wrote.clear();
}

void RowReader::BeginRow() {
  unseen_ = true;
  row_.ref = in_.ref;
  row_.entity = in_.entity.name;
  row_.touched = in_.time;
  row_.work.identity_changed = true;
  row_.work.fresh = !made_here_;
  row_.work.made = made_here_;
  if (made_here_) row_.work.origin = *in_.made;
  row_.work.first = in_.first && !made_here_;
  row_.work.resumed = in_.mode && in_.mode != ResumeMode::kTheirs;
}

void RowReader::GoOnWithRow() {
  row_ = *std::move(in_.old);
  const KeyHashes was = HashesOf(KeysOf(in_.entity, row_));
  if (in_.mode) row_.doomed = false;
  if (was != now_) {
    row_.former.push_back(was);
    if (row_.former.size() > kFormerMax) row_.former.erase(row_.former.begin());
  }
  if (in_.compare && !in_.mode && !was.empty() && !now_.empty() && !Meet(now_, was) &&
      std::none_of(row_.former.begin(), row_.former.end(),
                   [&](const KeyHashes& f) { return Meet(f, now_); })) {
    row_.unsure = true;
  }
  if (in_.anew) row_.work.fresh = true;  // It was made again on purpose.
}

/// Returns when the row's own column says that it was changed; absent: it says nothing new.
std::optional<std::int64_t> RowReader::Stamp() const {
  const std::optional<std::int64_t>& claimed = in_.row->changed_ms;
  if (!claimed || *claimed == 0 || (!unseen_ && claimed == row_.changed_ms)) return std::nullopt;
  return std::min(*claimed, in_.now_ms);
}

/// Returns what a user or program of that system said.
Said RowReader::News(const std::string& attribute, const Literal& value, std::optional<std::int64_t> stamp) {
  const auto before = row_.says.find(attribute);
  const WroteColumn* const wrote = WroteIn(attribute);
  std::optional<std::int64_t> base = wrote == nullptr ? std::nullopt : wrote->version_ms;
  if (before != row_.says.end()) base = std::max(base, before->second.ms);
  row_.work.fresh = true;
  row_.work.edited[attribute] = base.value_or(-1);
  if (wrote != nullptr || (before != row_.says.end() && !before->second.own)) {
    if (wrote != nullptr && before != row_.says.end())
      news_.replaced.emplace_back(attribute, before->second.value);
    news_.taken_back.push_back(attribute);
  }
  for (const std::vector<std::string>& rule : in_.entity.match) {
    if (std::find(rule.begin(), rule.end(), attribute) != rule.end()) row_.work.identity_changed = true;
  }
  // Later than the value that it changed, whatever the clocks say.
  return {value, value, std::max(stamp.value_or(in_.time), base.value_or(-1) + 1), true};
}

/// Returns whether a value that differs comes from a backup, by the operator's decision.
bool RowReader::IsOlder(std::optional<std::int64_t> stamp, std::optional<std::int64_t> known) const {
  return in_.mode == ResumeMode::kOurs ||
         (in_.mode == ResumeMode::kNewest && stamp.value_or(0) <= known.value_or(0));
}

/// Returns whether a value is the former one, perhaps in another form.
bool RowReader::IsStill(const std::string& attribute, const Literal& value, const Literal& before) const {
  if (value == before) return true;
  if (in_.formed == nullptr) return false;
  const auto form = in_.formed->find(in_.member.columns.at(attribute));
  return form != in_.formed->end() && SaysTheSame(value, before, form->second);
}

/// Returns what the exchange wrote, or what the database wrote together with a delivery.
Said RowReader::SayWritten(const std::string& attribute, const Literal& value, const WroteColumn& wrote) {
  const auto before = row_.says.find(attribute);
  const bool known = before != row_.says.end();
  const bool is_other = known && before->second.value != value;
  if (wrote.version_ms) {
    if (is_other) news_.replaced.emplace_back(attribute, before->second.value);
    return {value, wrote.wish.value_or(Null{}), wrote.version_ms, false};
  }
  const bool was_delivered = is_other && !before->second.own && before->second.ms;
  if (was_delivered || in_.undone.count(in_.member.columns.at(attribute)) > 0)
    row_.work.undone.insert(attribute);
  // Neither side said it, and it is as old as the value that it replaced.
  return {value, value, known ? before->second.ms : std::nullopt, false};
}

Said RowReader::Say(const std::string& attribute, std::optional<std::int64_t> stamp) {
  const auto before = row_.says.find(attribute);
  const bool known = before != row_.says.end();
  const Literal* const here = Here(attribute);
  const Literal value = here == nullptr ? Literal(Null{}) : *here;
  const WroteColumn* const wrote = WroteIn(attribute);
  const bool null = std::holds_alternative<Null>(value);
  if (wrote != nullptr && IsStill(attribute, value, wrote->result))
    return SayWritten(attribute, value, *wrote);
  if (wrote == nullptr && known && IsStill(attribute, value, before->second.value)) {
    // Its word stays unchanged, so that no other system gets another form of it.
    return {value, before->second.word, before->second.ms, before->second.own};
  }
  if (!unseen_ && IsOlder(stamp, known ? before->second.ms : std::nullopt)) {
    return {value, Null{}, std::nullopt, false};  // As old as the backup: the row says nothing.
  }
  if (wrote == nullptr && !known && !unseen_) {  // Mapped since.
    return {value, value, null ? std::nullopt : std::optional<std::int64_t>(0), !null};
  }
  if (wrote == nullptr && unseen_) {
    if (null) return {value, Null{}, std::nullopt, false};
    return {value, value, stamp.value_or(in_.first ? 0 : in_.time), true};
  }
  return News(attribute, value, stamp);
}

RowNews RowReader::Read() {
  LookAtMade();
  if (!in_.row) {
    if (in_.old) Leave(HasWish() && !in_.removed, LosesByOurs());
    return std::move(news_);
  }
  if (in_.old) LookAtIdentity();
  if (in_.old) {
    GoOnWithRow();
  } else {
    BeginRow();
  }
  row_.work.read = true;
  row_.work.applied = std::move(in_.applied);
  row_.read_at = in_.time;
  const std::optional<std::int64_t> stamp = Stamp();
  for (const auto& [attribute, column] : in_.member.columns) {
    Said said = Say(attribute, stamp);
    row_.says[attribute] = std::move(said);
  }
  std::erase_if(row_.says, [&](const auto& said) { return in_.member.columns.count(said.first) == 0; });
  row_.changed_ms = in_.row->changed_ms;
  if (row_.work.fresh) {
    row_.touched = in_.time;
    row_.doomed = false;
  }
  news_.row = std::move(row_);
  return std::move(news_);
}

}  // namespace

RowNews ReadRow(RowReading reading) { return RowReader(std::move(reading)).Read(); }

}  // namespace mirror
