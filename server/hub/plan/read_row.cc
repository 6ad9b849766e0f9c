#include "server/hub/plan/read_row.h"

#include <algorithm>
#include <utility>

#include "server/hub/plan/match_keys.h"

namespace mirror {
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
  bool made_here_ = false;  ///< The exchange made the row that stands there.
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

/// Whether the row that stands there is the one that the exchange made. `took`: what that was found by.
bool RowReader::IsAsMade(const KeyHashes& took) const {
  if (!took.empty()) return Meet(took, now_);
  return std::all_of(in_.wrote.begin(), in_.wrote.end(), [&](const auto& wrote) {
    const auto value = in_.row->values.find(wrote.first);
    return value != in_.row->values.end() && value->second == wrote.second.result;
  });
}

void RowReader::LookAtMade() {
  if (in_.mode && in_.old) {
    // An entry of the life before the restore. The row is known; where it is not there, it went, too.
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
  // A source forgets what it wrote into a row that is gone: another one stands there then.
  if (in_.row && !in_.wrote.empty() && ((!in_.anew && !in_.mode) || IsAsMade(took))) {
    made_here_ = true;
    return;
  }
  in_.wrote.clear();  // Made by the exchange, and deleted before anybody saw it.
  news_.made_and_gone = HasWish() && (!in_.row || !took.empty());
}

/// Whether the row that was known is the one that stands there.
void RowReader::LookAtIdentity() {
  const KeyHashes was = HashesOf(KeysOf(in_.entity, *in_.old));
  bool same = Meet(was, now_);
  if (in_.mode && !same) {
    same = now_ == was || std::any_of(in_.old->former.begin(), in_.old->former.end(),
                                      [&](const KeyHashes& f) { return f == now_ || Meet(f, now_); });
  }
  if (!in_.made && (same || !(in_.anew || in_.removed || in_.mode))) return;
  // Another row. Where nobody can tell, nothing is deleted elsewhere for it.
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
  if (in_.anew) row_.work.fresh = true;  // Somebody wants it to be there.
}

/// When the row's own column says that it was changed; absent: it says nothing new.
std::optional<std::int64_t> RowReader::Stamp() const {
  const std::optional<std::int64_t>& claimed = in_.row->changed_ms;
  if (!claimed || *claimed == 0 || (!unseen_ && claimed == row_.changed_ms)) return std::nullopt;
  return std::min(*claimed, in_.now_ms);
}

/// Somebody of that system said it.
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
  // Later than what it was made on, whatever the clocks say.
  return {value, value, std::max(stamp.value_or(in_.time), base.value_or(-1) + 1), true};
}

/// Whether a value that differs stems from a backup, by what the operator said of it.
bool RowReader::IsOlder(std::optional<std::int64_t> stamp, std::optional<std::int64_t> known) const {
  return in_.mode == ResumeMode::kOurs ||
         (in_.mode == ResumeMode::kNewest && stamp.value_or(0) <= known.value_or(0));
}

/// Whether a value is the one of before, perhaps in another form.
bool RowReader::IsStill(const std::string& attribute, const Literal& value, const Literal& before) const {
  if (value == before) return true;
  if (in_.formed == nullptr) return false;
  const auto form = in_.formed->find(in_.member.columns.at(attribute));
  return form != in_.formed->end() && SaysTheSame(value, before, form->second);
}

/// The exchange wrote it, or its database did beside a delivery.
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
  // Nobody said it, and it is as old as what it replaced.
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
    // Its word stays as it was said, so that nobody else is given another form of it.
    return {value, before->second.word, before->second.ms, before->second.own};
  }
  if (!unseen_ && IsOlder(stamp, known ? before->second.ms : std::nullopt)) {
    return {value, Null{}, std::nullopt, false};  // As old as the backup: nobody says it.
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
