package tokens

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tiktoken-go/tokenizer"

	"github.com/execkit/execkit/core/budget"
)

// The texts of other scripts are short, so each is repeated in a changing order of its sentences.
var sentences = map[string][]string{
	"Chinese":             {"构建失败:找不到模块。", "请检查网络连接,然后重试安装。", "该测试在两秒后超时,数据库没有响应。", "所有文件都已复制到目标目录。"},
	"traditional Chinese": {"建置失敗:找不到模組。", "請檢查網路連線,然後重新安裝。", "測試在兩秒後逾時,資料庫沒有回應。", "所有檔案都已複製到目標資料夾。"},
	"Japanese":            {"ビルドに失敗しました。モジュールが見つかりません。", "ネットワーク接続を確認して、もう一度試してください。", "テストは二秒でタイムアウトし、データベースは応答しませんでした。"},
	"Korean":              {"빌드에 실패했습니다. 모듈을 찾을 수 없습니다.", "네트워크 연결을 확인한 다음 다시 시도하십시오.", "테스트가 2초 후에 시간 초과되었습니다."},
	"Russian":             {"Сборка завершилась с ошибкой: модуль не найден.", "Проверьте подключение к сети и повторите установку.", "Все файлы скопированы в целевой каталог."},
	"German":              {"Der Übersetzer konnte die Datei nicht öffnen.", "Prüfen Sie die Netzwerkverbindung und versuchen Sie es erneut.", "Größere Änderungen müssen zunächst bestätigt werden."},
	"French":              {"La compilation a échoué : le module est introuvable.", "Vérifiez la connexion réseau, puis réessayez.", "Tous les fichiers ont été copiés."},
}

func corpus(t *testing.T) map[string][]string {
	rng := rand.New(rand.NewSource(7))
	all := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(sentences)) { // the same texts in every run
		list := sentences[name]
		var b strings.Builder
		for b.Len() < 4000 {
			b.WriteString(list[rng.Intn(len(list))])
			b.WriteByte("\n "[rng.Intn(2)])
		}
		all[name] = append(all[name], b.String())
	}
	read := func(kind, pattern string) {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && len(text) > 2000 {
				all[kind] = append(all[kind], string(text[:min(len(text), 20_000)]))
			}
		}
		if len(all[kind]) == 0 {
			t.Fatalf("no text for %s", kind)
		}
	}
	root := runtime.GOROOT()
	read("Go", root+"/src/net/http/*.go")
	read("Go", root+"/src/crypto/x509/*.go")
	read("assembler", root+"/src/runtime/asm_*.s")
	read("prose", "../../../docs/*.md")
	read("prose", root+"/LICENSE")
	read("Python", "../runs/*.py")
	read("Python", "../../../bindings/python/src/execkit/*.py")
	read("JavaScript", "../../../bindings/node/lib/*.js")
	read("C", "../../../bindings/node/src/*.c")
	read("shell", "../../../build.sh")
	for range 5 {
		p := make([]byte, 6000)
		rng.Read(p)
		all["base64"] = append(all["base64"], base64.StdEncoding.EncodeToString(p))
		all["hex"] = append(all["hex"], hex.EncodeToString(p))
		all["logs"] = append(all["logs"], logText(rng))
		all["JSON"] = append(all["JSON"], jsonText(rng))
	}
	return all
}

func logText(rng *rand.Rand) string {
	var b strings.Builder
	for n := range 200 {
		fmt.Fprintf(&b, "2026-03-01T10:%02d:%02d.%06dZ %-5s [worker-%d] shop.ledger - posted entry %d in %d.%d ms trace=%08x\n", n/60, n%60,
			rng.Intn(1e6), []string{"INFO", "DEBUG", "WARN"}[n%3], rng.Intn(16), rng.Intn(1e6), rng.Intn(90), rng.Intn(10), rng.Uint32())
		fmt.Fprintf(&b, "10.0.%d.%d - - [01/Mar/2026:10:00:00 +0000] \"GET /api/v1/items/%d?page=2 HTTP/1.1\" 200 %d \"-\" \"curl/8.1\"\n", rng.Intn(256), rng.Intn(256), n, rng.Intn(9999))
	}
	return b.String()
}

func jsonText(rng *rand.Rand) string {
	var list []map[string]any
	for n := range 80 {
		list = append(list, map[string]any{"id": n, "name": fmt.Sprintf("item-%d", n), "price": rng.Float64() * 100, "tags": []string{"new", "sale"},
			"sha256": fmt.Sprintf("%016x", rng.Uint64()), "parent": nil, "url": fmt.Sprintf("https://shop.example/items/%d", n)})
	}
	indent := strings.Repeat(" ", rng.Intn(3)*2)
	if indent == "" {
		text, _ := json.Marshal(list)
		return string(text)
	}
	text, _ := json.MarshalIndent(list, "", indent)
	return string(text)
}

func TestEstimate(t *testing.T) {
	var codecs []tokenizer.Codec
	for _, name := range []tokenizer.Encoding{tokenizer.O200kBase, tokenizer.Cl100kBase} {
		c, err := tokenizer.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		codecs = append(codecs, c)
	}
	t.Logf("%-20s %6s %8s %8s %8s", "estimate/real", "texts", "lowest", "mean", "highest")
	for kind, texts := range corpus(t) {
		low, high, sum := 10.0, 0.0, 0.0
		for _, text := range texts {
			real := 0
			for _, c := range codecs {
				n, err := c.Count(text)
				if err != nil {
					t.Fatal(err)
				}
				real = max(real, n)
			}
			ratio := float64(budget.EstimateTokens([]byte(text))) / float64(real)
			low, high, sum = min(low, ratio), max(high, ratio), sum+ratio
		}
		t.Logf("%-20s %6d %8.2f %8.2f %8.2f", kind, len(texts), low, sum/float64(len(texts)), high)
		if low < 0.95 || high > 1.6 {
			t.Errorf("%s: estimates of %.2f to %.2f of the real count; want 0.95 to 1.6", kind, low, high)
		}
	}
}
