// A model card's Markdown as elements: headings, paragraphs, lists, tables, code and bold. Text only:
// nothing of it becomes markup.

import { type ComponentChildren } from "preact";

export function Markdown({ text }: { text: string }) {
  const lines = text.split("\n");
  const out: ComponentChildren[] = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i]!;
    const heading = /^(#{1,4}) (.*)$/.exec(line);
    const key = i;
    if (line.trim() === "") {
      i++;
    } else if (heading !== null) {
      const Heading = heading[1]!.length === 1 ? "h3" : "h4";
      out.push(<Heading key={key}>{inline(heading[2]!)}</Heading>);
      i++;
    } else if (line.startsWith("```")) {
      const code: string[] = [];
      for (i++; i < lines.length && !lines[i]!.startsWith("```"); i++) code.push(lines[i]!);
      i++;
      out.push(<pre key={key}>{code.join("\n")}</pre>);
    } else if (line.startsWith("|")) {
      const rows: string[] = [];
      while (i < lines.length && lines[i]!.startsWith("|")) rows.push(lines[i++]!);
      out.push(<Table key={key} rows={rows} />);
    } else if (/^[-*] /.test(line)) {
      const items: string[] = [];
      while (i < lines.length && /^([-*] |  )/.test(lines[i]!)) {
        if (/^[-*] /.test(lines[i]!)) items.push(lines[i]!.slice(2));
        else items[items.length - 1] += ` ${lines[i]!.trim()}`;
        i++;
      }
      out.push(<ul key={key}>{items.map((item, index) => <li key={index}>{inline(item)}</li>)}</ul>);
    } else {
      const words: string[] = [];
      while (i < lines.length && lines[i]!.trim() !== "" && !/^([#|]|[-*] )/.test(lines[i]!)) {
        words.push(lines[i++]!);
      }
      if (words.length === 0) words.push(lines[i++]!);
      out.push(<p key={key}>{inline(words.join(" "))}</p>);
    }
  }
  return <div class="card-text">{out}</div>;
}

function Table({ rows }: { rows: string[] }) {
  const cells = (row: string): string[] => row.split("|").slice(1, -1).map((cell) => cell.trim());
  const isRule = (row: string): boolean => cells(row).every((cell) => /^:?-+:?$/.test(cell));
  const body = rows.filter((row) => !isRule(row)).map(cells);
  const [head, ...rest] = body;
  return (
    <table>
      <thead>
        <tr>{head?.map((cell, i) => <th key={i} scope="col">{inline(cell)}</th>)}</tr>
      </thead>
      <tbody>
        {rest.map((row, i) => (
          <tr key={i}>{row.map((cell, j) => <td key={j}>{inline(cell)}</td>)}</tr>
        ))}
      </tbody>
    </table>
  );
}

function inline(text: string): ComponentChildren[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]*\))/).map((part, i) => {
    if (/^`.+`$/.test(part)) return <code key={i}>{part.slice(1, -1)}</code>;
    if (/^\*\*.+\*\*$/.test(part)) return <strong key={i}>{part.slice(2, -2)}</strong>;
    const link = /^\[([^\]]+)\]/.exec(part); // addresses lead out of a closed network: words only
    return link !== null ? link[1]! : part;
  });
}
